package lsm

import (
	"bytes"
	"encoding/json"
	"testing"

	"c1z/interop/internal/report"
)

func lastLine(t *testing.T, text []byte) (line report.Fields) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &line); err != nil {
		t.Fatal(err)
	}
	return line
}
