package main

import (
	"flag"
	"slices"
	"testing"
)

func TestFlagsMayStandAnywhere(t *testing.T) {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	seed := flags.Int("seed", 0, "")
	strict := flags.Bool("strict", false, "")
	got := splitArgs(flags, []string{"a", "--seed", "7", "b", "--strict", "c"})
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) || *seed != 7 || !*strict {
		t.Errorf("args=%v seed=%d strict=%v", got, *seed, *strict)
	}
}

func TestCommandsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands {
		if seen[c.name] || c.about == "" || c.setup == nil {
			t.Errorf("command %q is declared badly or twice", c.name)
		}
		seen[c.name] = true
	}
}
