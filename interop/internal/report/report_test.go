package report

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
)

func TestCanonicalSortsKeysAndKeepsCharacters(t *testing.T) {
	got, err := Canonical(Fields{"b": "x&<y>", "a": 1})
	if want := `{"a":1,"b":"x&<y>"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestTextFilesRoundTrip(t *testing.T) {
	for _, name := range []string{"plain.ndjson", "packed.ndjson.gz"} {
		path := filepath.Join(t.TempDir(), name)
		out, err := CreateText(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, "one\ntwo\n"); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		err = EachLine(path, func(line []byte) error {
			lines.Write(append(line, '|'))
			return nil
		})
		if err != nil || lines.String() != "one|two|" {
			t.Errorf("%s: got %q, %v", name, lines.String(), err)
		}
	}
}

func TestSameNamesBothSides(t *testing.T) {
	if err := Same("rows", 3, 3); err != nil {
		t.Error(err)
	}
	err := Same("rows", 3, 4)
	if want := "rows expected=`3` found=`4`"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
