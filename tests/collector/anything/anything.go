// Package anything has an exporter with any configuration at all. Printed, it shows every value with its type: that is how the tests see what the
// Collector's resolver makes of a configuration.
package anything

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
)

// NewFactory is what the builder looks for.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		component.MustNewType("anything"),
		func() component.Config { return &config{} },
		exporter.WithLogs(newExporter, component.StabilityLevelDevelopment),
	)
}

func newExporter(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
	return nil, errors.New("of use is its configuration alone")
}

// config has fields of four types that values can be wanted in, and all the rest.
type config struct {
	Texts   map[string]string `mapstructure:"texts"`
	Numbers map[string]int64  `mapstructure:"numbers"`
	Flags   map[string]bool   `mapstructure:"flags"`
	Rest    map[string]any    `mapstructure:",remain"`

	tree map[string]any
}

func (c *config) Unmarshal(conf *confmap.Conf) error {
	c.tree = conf.ToStringMap()
	return conf.Unmarshal(c)
}

func (c config) Marshal(conf *confmap.Conf) error {
	return conf.Merge(confmap.NewFromStringMap(map[string]any{
		"tree":    typed(c.tree),
		"texts":   shown(c.Texts),
		"numbers": shown(c.Numbers),
		"flags":   shown(c.Flags),
	}))
}

// shown is the same, and empty where there is none.
func shown[V any](fields map[string]V) map[string]any {
	entries := make(map[string]any, len(fields))
	for key, value := range fields {
		entries[key] = value
	}
	return entries
}

// typed has the type of each scalar in front of it.
func typed(value any) any {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "bool " + strconv.FormatBool(value)
	case int, int64, uint64:
		return fmt.Sprintf("int %d", value)
	case float64:
		return "float " + strconv.FormatFloat(value, 'e', -1, 64)
	case string:
		return "text " + value
	case []any:
		items := make([]any, 0, len(value))
		for _, item := range value {
			items = append(items, typed(item))
		}
		return items
	case map[string]any:
		entries := make(map[string]any, len(value))
		for key, item := range value {
			// Marshalling would split it once more.
			entries[strings.ReplaceAll(key, "::", ";;")] = typed(item)
		}
		return entries
	default:
		// A value with its text beside it, of a package that is not ours to import.
		if kept := reflect.ValueOf(value); kept.Kind() == reflect.Struct && kept.FieldByName("Original").IsValid() {
			return typed(kept.FieldByName("Value").Interface())
		}
		return fmt.Sprintf("%T %v", value, value)
	}
}
