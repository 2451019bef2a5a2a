package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"c1z/interop/internal/report"
)

// ComparePlan says what may differ between two dumps.
type ComparePlan struct {
	// Strict also refuses lookups that only one side asked.
	Strict bool
	// AnyOrder ignores the order of lists, which belongs to the engine.
	AnyOrder bool
	// SkipUnnamed leaves out what a reader sees that names no sync: that depends on the
	// clock while a sync is unfinished.
	SkipUnnamed bool
}

// answers are the fields of a line that tell what was found; the others, but for `kind`,
// tell what was asked. Rows are asked for by kind, sync and position.
var answers = map[string]bool{"result": true, "error": true, "count": true, "pages": true}

// dumpFile is a dump by question; equal questions keep all their answers.
type dumpFile map[string][]string

// Compare prints how two dumps differ and fails if they do. Texts of errors and the
// time of a dump are not compared.
func Compare(out *report.Lines, expected, found string, plan ComparePlan) error {
	want, err := plan.load(expected)
	if err != nil {
		return err
	}
	have, err := plan.load(found)
	if err != nil {
		return err
	}
	same, differ, onlyExpected, onlyFound := 0, 0, 0, 0
	show := func(what, key string) {
		if differ+onlyExpected+onlyFound <= 20 {
			out.Emit(report.Fields{"kind": what, "question": json.RawMessage(key),
				"expected": rawList(want[key]), "found": rawList(have[key])})
		}
	}
	for _, key := range sortedQuestions(want, have) {
		switch {
		case slices.Equal(want[key], have[key]):
			same++
		case want[key] != nil && have[key] != nil:
			differ++
			show("differs", key)
		case !plan.Strict && strings.Contains(key, `"kind":"lookup"`):
		case want[key] != nil:
			onlyExpected++
			show("only_expected", key)
		default:
			onlyFound++
			show("only_found", key)
		}
	}
	out.Emit(report.Fields{
		"kind": "dump_diff", "expected": expected, "found": found, "same": same,
		"differ": differ, "only_expected": onlyExpected, "only_found": onlyFound,
	})
	if differ+onlyExpected+onlyFound > 0 {
		return report.ErrDiffers
	}
	if same == 0 {
		return errors.New("nothing to compare")
	}
	return nil
}

func sortedQuestions(all ...dumpFile) []string {
	seen := dumpFile{}
	for _, one := range all {
		for key := range one {
			seen[key] = nil
		}
	}
	keys := make([]string, 0, len(seen))
	for key := range seen {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func rawList(texts []string) (list []json.RawMessage) {
	for _, text := range texts {
		list = append(list, json.RawMessage(text))
	}
	return list
}

func (p ComparePlan) load(path string) (dumpFile, error) {
	dump := dumpFile{}
	err := report.EachLine(path, func(raw []byte) error {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		var line report.Fields
		if err := decoder.Decode(&line); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if p.SkipUnnamed && line["sync_id"] == "" {
			return nil
		}
		question, answer, err := p.split(line)
		if err == nil {
			dump[question] = append(dump[question], answer)
		}
		return err
	})
	for _, texts := range dump {
		slices.Sort(texts)
	}
	return dump, err
}

// split parts a line into what was asked and what was found.
func (p ComparePlan) split(line report.Fields) (question, answer string, err error) {
	forget(line)
	asked, found := report.Fields{}, report.Fields{}
	for key, value := range line {
		switch position := key == "i"; {
		case line["kind"] == "lookup" && !answers[key],
			key == "kind", key == "sync_id", key == "key",
			position && !p.AnyOrder:
			asked[key] = value
		case position:
		default:
			found[key] = value
			if list, ok := value.([]any); ok && p.AnyOrder && key == "result" {
				sortJSON(list)
			}
		}
	}
	rawAsked, err := report.Canonical(asked)
	if err != nil {
		return "", "", err
	}
	rawFound, err := report.Canonical(found)
	return string(rawAsked), string(rawFound), err
}

// forget drops what two good dumps may word differently.
func forget(line report.Fields) {
	delete(line, "read_at")
	for _, key := range []string{"error", "errors"} {
		line[key] = codesOnly(line[key])
		if line[key] == nil {
			delete(line, key)
		}
	}
}

// codesOnly strips the texts of errors; a list or map without any error becomes nil.
func codesOnly(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = codesOnly(v[i])
		}
		if slices.ContainsFunc(v, func(one any) bool { return one != nil }) {
			return v
		}
		return nil
	case map[string]any:
		if code, ok := v["code"]; ok {
			return code
		}
		for key := range v {
			if v[key] = codesOnly(v[key]); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) > 0 {
			return v
		}
		return nil
	default:
		return value
	}
}

func sortJSON(list []any) {
	slices.SortFunc(list, func(a, b any) int {
		rawA, _ := report.Canonical(a)
		rawB, _ := report.Canonical(b)
		return bytes.Compare(rawA, rawB)
	})
}
