// Package sqlfile checks v1 payloads with two published SQLite engines: a pure Go module
// and the sqlite3 shell. Table layout: `c1z1-sqlite` §2.
package sqlfile

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/conductorone/baton-sdk/pkg/dotc1z"
	_ "modernc.org/sqlite" // the driver "sqlite", the one the SDK uses
)

// File is an open database file.
type File struct {
	*sql.DB
	Path string
}

// With opens a copy of a raw SQLite file, or of the payload of a v1 .c1z file.
func With(path string, use func(*File) error) (err error) {
	dir, err := os.MkdirTemp("", "c1zcheck-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, "file.db")
	if err := extract(path, copied); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", copied)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(&File{DB: db, Path: copied})
}

// extract writes the SQLite bytes of a raw file or of a .c1z file to dst.
func extract(path, dst string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var content io.Reader = in
	head := make([]byte, 15)
	if _, err := in.ReadAt(head, 0); err != nil {
		return err
	}
	if !strings.HasPrefix(string(head), "SQLite format 3") {
		decoder, err := dotc1z.NewC1ZFileDecoder(in)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, decoder.Close()) }()
		content = decoder
	}
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, out.Close())
}

// Version is the version of SQLite that the Go module implements.
func Version() (version string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRow("select sqlite_version()").Scan(&version)
	return version, err
}
