// Reads expositions as Prometheus does, for the tests: one process for as many as a test has.
//
// On standard input comes, again and again, a line "text LENGTH" or "openmetrics LENGTH" and then so many bytes. On standard
// output goes a line for each: "ok", or "refused " and the reason on the same line.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// What the host answers with, by the word that asks for it.
var contentTypes = map[string]string{
	"text":        "text/plain; version=0.0.4; charset=utf-8",
	"openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	for {
		var format string
		var length int
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return
		}
		if _, err := fmt.Sscanf(line, "%s %d", &format, &length); err != nil {
			fail(fmt.Errorf("no request: %q: %w", line, err))
		}
		page := make([]byte, length)
		if _, err := io.ReadFull(in, page); err != nil {
			fail(err)
		}
		answer := "ok"
		if err := read(page, format); err != nil {
			answer = "refused " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Fprintln(out, answer)
		out.Flush()
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func read(page []byte, format string) error {
	contentType, known := contentTypes[format]
	if !known {
		return fmt.Errorf("no format: %q", format)
	}
	if err := scrape(page, contentType); err != nil {
		return fmt.Errorf("the server's reader: %w", err)
	}
	if format == "text" {
		// The one of promtool and of the client libraries; stricter about what belongs together.
		parser := expfmt.NewTextParser(model.UTF8Validation)
		if _, err := parser.TextToMetricFamilies(bytes.NewReader(page)); err != nil {
			return fmt.Errorf("the libraries' reader: %w", err)
		}
	}
	return nil
}

// What the server does with a page on its way into the database, as far as it can refuse it.
func scrape(page []byte, contentType string) error {
	parser, err := textparse.New(page, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	seen := map[string]struct{}{}
	var set labels.Labels
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, time, _ := parser.Series()
		parser.Labels(&set)
		if !set.Has(model.MetricNameLabel) {
			return fmt.Errorf("a series without a name: %s", set)
		}
		if !set.IsValid(model.UTF8Validation) {
			return fmt.Errorf("a name that is none, or text that is not UTF-8: %s", set)
		}
		if name, twice := set.HasDuplicateLabelNames(); twice {
			return fmt.Errorf("label %s stands twice in %s", name, set)
		}
		key := string(set.Bytes(nil))
		if time != nil {
			key += fmt.Sprint(*time)
		}
		if _, twice := seen[key]; twice {
			return fmt.Errorf("the series stands there twice: %s", set)
		}
		seen[key] = struct{}{}
	}
}
