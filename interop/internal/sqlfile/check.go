package sqlfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"c1z/interop/internal/report"
)

// CheckPlan says what to check and print.
type CheckPlan struct {
	Rows   bool   // print every row in the shape of sqlite-rows.ndjson
	Expect string // a sqlite-rows.ndjson(.gz) whose rows must be found
	Shell  string // the sqlite3 shell; empty = do not ask it
}

// Check runs the integrity check and hashes the rows of every table, with the Go engine
// and with the sqlite3 shell; both must agree.
func Check(out *report.Lines, path string, plan CheckPlan) error {
	return With(path, func(f *File) error {
		c := checker{File: f, out: out, plan: plan, expected: map[string][]string{}}
		if err := c.loadExpected(); err != nil {
			return err
		}
		return c.all(path)
	})
}

type checker struct {
	*File
	out      *report.Lines
	plan     CheckPlan
	expected map[string][]string // rows as canonical JSON, by table
}

func (c *checker) all(path string) error {
	verdict, err := c.strings("pragma integrity_check")
	if err != nil {
		return err
	}
	if err := report.Same("integrity_check", "ok", strings.Join(verdict, "; ")); err != nil {
		return err
	}
	if c.plan.Shell != "" {
		text, err := c.shell("pragma integrity_check")
		if err != nil {
			return err
		}
		if err := report.Same("integrity_check of the shell", "ok\n", string(text)); err != nil {
			return err
		}
	}
	tables, err := c.strings(`select name from sqlite_schema
		where type = 'table' and name not like 'sqlite_%' order by name`)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := c.table(table); err != nil {
			return fmt.Errorf("table=`%s`: %w", table, err)
		}
		delete(c.expected, table)
	}
	for table := range c.expected {
		return &report.Mismatch{What: "table", Expected: table, Found: "none"}
	}
	c.out.Emit(report.Fields{"kind": "sqlite_check", "path": path, "tables": len(tables)})
	return nil
}

// table hashes one table: SHA-256 over the lines of rowQuery, each with a newline.
func (c *checker) table(table string) (err error) {
	columns, err := c.strings("select name from pragma_table_info(" + quoted(table) + ") order by cid")
	if err != nil {
		return err
	}
	query := rowQuery(table, columns)
	rows, err := c.Query(query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	sum, count := sha256.New(), 0
	wanted, compare := c.expected[table], c.plan.Expect != ""
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		_, _ = sum.Write(append([]byte(line), '\n'))
		if err := c.row(table, columns, line, count, wanted, compare); err != nil {
			return err
		}
		count++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if compare {
		if err := report.Same("rows", len(wanted), count); err != nil {
			return err
		}
	}
	if err := c.shellAgrees(query, sum); err != nil {
		return err
	}
	c.out.Emit(report.Fields{"kind": "sqlite_table", "table": table, "rows": count,
		"sha256": hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// rowQuery gives one text a row, in rowid order: `type:HEX` of each column, parted by
// commas. Every SQLite gives the same text for the same row.
func rowQuery(table string, columns []string) string {
	parts := make([]string, len(columns))
	for i, column := range columns {
		name := quotedName(column)
		parts[i] = fmt.Sprintf("typeof(%s) || ':' || hex(cast(%s as blob))", name, name)
	}
	return fmt.Sprintf("select %s from %s order by rowid",
		strings.Join(parts, " || ',' || "), quotedName(table))
}

func quoted(text string) string     { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
func quotedName(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

func (c *checker) strings(query string) (list []string, err error) {
	rows, err := c.Query(query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

func (c *checker) shell(query string) ([]byte, error) {
	run := exec.Command(c.plan.Shell, "-readonly", "-batch", c.Path, query)
	var problems bytes.Buffer
	run.Stderr = &problems
	text, err := run.Output()
	if err != nil || problems.Len() > 0 {
		return nil, fmt.Errorf("%s: %w %s", c.plan.Shell, err, problems.String())
	}
	return text, nil
}

func (c *checker) shellAgrees(query string, sum hash.Hash) error {
	if c.plan.Shell == "" {
		return nil
	}
	text, err := c.shell(query)
	if err != nil {
		return err
	}
	found := sha256.Sum256(text)
	return report.Same("rows as the shell reads them",
		hex.EncodeToString(sum.Sum(nil)), hex.EncodeToString(found[:]))
}

// row prints a row and compares it with the expected one at the same place.
func (c *checker) row(table string, columns []string, line string, at int, wanted []string, compare bool) error {
	if !c.plan.Rows && !compare {
		return nil
	}
	values, err := parseRow(columns, line)
	if err != nil {
		return err
	}
	if c.plan.Rows {
		c.out.Emit(report.Fields{"table": table, "row": values})
	}
	if !compare {
		return nil
	}
	text, err := report.Canonical(values)
	if err != nil {
		return err
	}
	if at >= len(wanted) {
		return &report.Mismatch{What: "row", Expected: "none", Found: string(text)}
	}
	return report.Same(fmt.Sprintf("row %d", at), wanted[at], string(text))
}

// parseRow turns a line of rowQuery into column values; blobs become {"blob_hex"}.
func parseRow(columns []string, line string) (report.Fields, error) {
	values := report.Fields{}
	cells := strings.Split(line, ",")
	if len(cells) != len(columns) {
		return nil, fmt.Errorf("cells=`%d` columns=`%d`", len(cells), len(columns))
	}
	for i, cell := range cells {
		kind, digits, _ := strings.Cut(cell, ":")
		raw, err := hex.DecodeString(digits)
		if err != nil {
			return nil, err
		}
		switch kind {
		case "null":
			values[columns[i]] = nil
		case "integer":
			if values[columns[i]], err = strconv.ParseInt(string(raw), 10, 64); err != nil {
				return nil, err
			}
		case "real":
			values[columns[i]] = json.Number(raw)
		case "text":
			values[columns[i]] = string(raw)
		default:
			values[columns[i]] = report.Fields{"blob_hex": hex.EncodeToString(raw)}
		}
	}
	return values, nil
}

func (c *checker) loadExpected() error {
	if c.plan.Expect == "" {
		return nil
	}
	return report.EachLine(c.plan.Expect, func(raw []byte) error {
		decoder := json.NewDecoder(bufio.NewReader(bytes.NewReader(raw)))
		decoder.UseNumber()
		var line struct {
			Table string         `json:"table"`
			Row   map[string]any `json:"row"`
		}
		if err := decoder.Decode(&line); err != nil || line.Table == "" {
			return err
		}
		text, err := report.Canonical(line.Row)
		c.expected[line.Table] = append(slices.Clip(c.expected[line.Table]), string(text))
		return err
	})
}
