// Writes values.json: what text the Collector matches patterns with, for values of every type.
//
//	go run ./values > values.json
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func doubles() []float64 {
	values := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 0.5, 1.5, 100, 123456789, 1e-5, 1e-6, 9.99e-7, 1e-7, -1e-7, 1.5e-9, 1e-10, 1e-100, 1e20, 1e21, -1e21,
		1.5e21, 123456789e15, 1e22, 1e100, 1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 2.2250738585072014e-308,
		9007199254740992, 9007199254740993, 0.30000000000000004, 1.0 / 3, math.Pi, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, 999999999999999900000, 1e21 - 131072}
	draw := rand.New(rand.NewSource(1))
	for range 100 {
		values = append(values, math.Float64frombits(draw.Uint64()))
	}
	for range 100 {
		values = append(values, math.Trunc(draw.Float64()*1e6)*math.Pow10(draw.Intn(40)-20))
	}
	return values
}

var texts = []string{"", "plain", "a\"b\\c/d", "<a href=\"x\">&amp;", "\x00\x01\x07\b\t\n\v\f\r\x1b\x1f\x20\x7f", "é漢😀", "\u2027\u2028\u2029\u202a", "\ufffd", "\xff",
	"a\xe2\x82b", "\xed\xa0\x80", "\xf0\x9f\x98", "\xc0\xaf", "\u0080\u009f\ufeff", "\U0010ffff"}

func build() []func(pcommon.Value) {
	var all []func(pcommon.Value)
	add := func(fill func(pcommon.Value)) {
		all = append(all, fill)
		all = append(all, func(value pcommon.Value) { fill(value.SetEmptySlice().AppendEmpty()) })
		all = append(all, func(value pcommon.Value) { fill(value.SetEmptyMap().PutEmpty("key")) })
	}
	add(func(pcommon.Value) {})
	for _, text := range texts {
		add(func(value pcommon.Value) { value.SetStr(text) })
		all = append(all, func(value pcommon.Value) { value.SetEmptyMap().PutBool(text, true) })
	}
	for _, one := range []bool{true, false} {
		add(func(value pcommon.Value) { value.SetBool(one) })
	}
	for _, one := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		add(func(value pcommon.Value) { value.SetInt(one) })
	}
	for _, one := range doubles() {
		add(func(value pcommon.Value) { value.SetDouble(one) })
	}
	for length := range 9 {
		bytes := []byte{0xff, 0, 0xfb, 'a', 0x3e, 0x3f, 0x80, 7, 0x10}[:length]
		add(func(value pcommon.Value) { value.SetEmptyBytes().FromRaw(bytes) })
	}
	add(func(value pcommon.Value) { value.SetEmptySlice() })
	add(func(value pcommon.Value) { value.SetEmptyMap() })
	add(func(value pcommon.Value) {
		list := value.SetEmptySlice()
		list.AppendEmpty().SetInt(1)
		list.AppendEmpty().SetStr("a")
		list.AppendEmpty()
		list.AppendEmpty().SetEmptyMap().PutDouble("d", 1e21)
	})
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		add(func(value pcommon.Value) {
			entries := value.SetEmptyMap()
			entries.PutStr("a", "before")
			entries.PutDouble("b", bad)
			entries.PutStr("c", "behind")
		})
	}
	add(func(value pcommon.Value) {
		entries := value.SetEmptyMap()
		for _, key := range []string{"b", "a", "é", "B", "a1", "a.b", "", "\xff", "\ufffd"} {
			entries.PutStr(key, key)
		}
	})
	return all
}

// As the Collector has it: read from the bytes of a request.
func received(fill func(pcommon.Value)) pcommon.Value {
	logs := plog.NewLogs()
	fill(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body())
	bytes, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		panic(err)
	}
	logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bytes)
	if err != nil {
		panic(err)
	}
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
}

// A value as JSON: its type, and its bytes in hexadecimal digits where JSON cannot tell them.
func asJSON(value pcommon.Value) any {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return map[string]any{"string": fmt.Sprintf("%x", value.Str())}
	case pcommon.ValueTypeBool:
		return map[string]any{"bool": value.Bool()}
	case pcommon.ValueTypeInt:
		return map[string]any{"integer": strconv.FormatInt(value.Int(), 10)}
	case pcommon.ValueTypeDouble:
		return map[string]any{"double": fmt.Sprintf("%016x", math.Float64bits(value.Double()))}
	case pcommon.ValueTypeBytes:
		return map[string]any{"bytes": fmt.Sprintf("%x", value.Bytes().AsRaw())}
	case pcommon.ValueTypeSlice:
		list := []any{}
		for _, one := range value.Slice().All() {
			list = append(list, asJSON(one))
		}
		return map[string]any{"array": list}
	case pcommon.ValueTypeMap:
		entries := []any{}
		for key, one := range value.Map().All() {
			entries = append(entries, []any{fmt.Sprintf("%x", key), asJSON(one)})
		}
		return map[string]any{"map": entries}
	}
	return nil
}

// What the `filter` processor does with an attribute: internal/filter/filtermatcher says which types there are and how each is written.
func asAttribute(value pcommon.Value) any {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return fmt.Sprintf("%x", value.Str())
	case pcommon.ValueTypeBool:
		return fmt.Sprintf("%x", strconv.FormatBool(value.Bool()))
	case pcommon.ValueTypeDouble:
		return fmt.Sprintf("%x", strconv.FormatFloat(value.Double(), 'f', -1, 64))
	case pcommon.ValueTypeInt:
		return fmt.Sprintf("%x", strconv.FormatInt(value.Int(), 10))
	}
	return nil
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "{\"go\": %q, \"values\": [", runtime.Version())
	separator := "\n"
	for _, fill := range build() {
		value := received(fill)
		entry, err := json.Marshal([]any{asJSON(value), fmt.Sprintf("%x", value.AsString()), asAttribute(value)})
		if err != nil {
			panic(err)
		}
		fmt.Fprint(out, separator, strings.TrimSpace(string(entry)))
		separator = ",\n"
	}
	fmt.Fprintln(out, "\n]}")
}
