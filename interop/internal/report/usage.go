package report

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Stopwatch measures wall-clock and processor time of one phase.
type Stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

// Start begins a phase now.
func Start() Stopwatch { return Stopwatch{wall: time.Now(), cpu: processorTime()} }

// Fields is the phase so far: seconds of wall clock and of processor (all threads).
func (s Stopwatch) Fields() Fields {
	return Fields{
		"seconds":     time.Since(s.wall).Seconds(),
		"cpu_seconds": (processorTime() - s.cpu).Seconds(),
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// PeakRSS is the largest resident set of this process in bytes.
func PeakRSS() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss * 1024
}

// BytesWritten is how many bytes this process has passed to write calls so far.
func BytesWritten() int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

// DirSize is the sum of the sizes of all regular files below dir.
func DirSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// Merge copies the fields of every part into one object; later parts win.
func Merge(parts ...Fields) Fields {
	all := Fields{}
	for _, part := range parts {
		for key, value := range part {
			all[key] = value
		}
	}
	return all
}
