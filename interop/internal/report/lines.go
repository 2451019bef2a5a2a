// Package report holds what every command shares: NDJSON lines on standard output, the
// error that means "the two sides disagree", gzip'd key-value files and resource usage.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Fields is one NDJSON object. encoding/json writes its keys in sorted order.
type Fields map[string]any

// Lines writes one JSON object a line. It is safe for concurrent use.
type Lines struct {
	mu  sync.Mutex
	out io.Writer
	err error
}

// NewLines returns a writer of NDJSON to out.
func NewLines(out io.Writer) *Lines { return &Lines{out: out} }

// Emit writes one object. The first write error is kept and returned by Err.
func (l *Lines) Emit(fields Fields) {
	raw, err := Canonical(fields)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	if l.err == nil {
		_, l.err = l.out.Write(append(raw, '\n'))
	}
}

// Err is the first error met while writing.
func (l *Lines) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Canonical is the JSON of v without HTML escapes; keys of maps are sorted.
func Canonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// Mismatch is the error of a check whose two sides disagree.
type Mismatch struct {
	What     string
	Expected any
	Found    any
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("%s expected=`%v` found=`%v`", m.What, m.Expected, m.Found)
}

// ErrDiffers ends a command that has already printed what differs.
var ErrDiffers = errors.New("the two sides differ")

// Same returns a Mismatch unless both values are equal.
func Same[T comparable](what string, expected, found T) error {
	if expected == found {
		return nil
	}
	return &Mismatch{What: what, Expected: expected, Found: found}
}
