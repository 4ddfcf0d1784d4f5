package testoutput

import "strings"

// benchmarks are the benchmarks that run in a foreign test binary, which prints more about
// them than the testing package does with the user's flags: their names, and their logs
// before their results.
type benchmarks struct {
	out     *printer
	running []*benchmark // one, after the benchmarks around it
}

// benchmark is a benchmark that has begun.
type benchmark struct {
	name   string
	result string  // its name in the line with its result, if that has begun
	text   Excerpt // its log without -test.v, which is printed below its result
}

// begins takes an item, and returns whether a benchmark has begun whose first line appears
// with -test.v=test2json only.
func (b *benchmarks) begins(i item) bool {
	if b.out.style == styleJSON || i.what != "=== RUN" || !strings.HasPrefix(i.text, "Benchmark") {
		return false
	}
	for b.last() != nil && !strings.HasPrefix(i.text, b.last().name+"/") {
		b.running = b.running[:len(b.running)-1]
	}
	b.running = append(b.running, &benchmark{name: i.text})
	b.out.name, b.out.shown = i.text, i.text
	return true
}

// last returns the benchmark that runs, or nil.
func (b *benchmarks) last() *benchmark {
	if len(b.running) == 0 {
		return nil
	}
	return b.running[len(b.running)-1]
}

// output prints output that may be of a benchmark.
func (b *benchmarks) output(text string) error {
	last := b.last()
	if last == nil || b.out.style != styleQuiet {
		return b.out.print(text)
	}
	if text == last.name+"\n" {
		return nil
	}
	name, _, ok := strings.Cut(strings.Replace(text, "\t", " ", 1), " ")
	if ok && (name == last.name || isOnProcessors(name, last.name)) {
		last.result = name
	}
	if err := b.out.print(text); err != nil || last.result == "" || !strings.HasSuffix(text, "\n") {
		return err
	}
	head, log := last.result, last.take()
	last.result = ""
	if log == "" {
		return nil
	}
	return b.out.print("--- BENCH: " + head + "\n" + log)
}

// log keeps a line that a benchmark has logged. It returns false if none runs, or if the line
// is printed at once.
func (b *benchmarks) log(line string) bool {
	last := b.last()
	if last == nil || b.out.style != styleQuiet {
		return false
	}
	last.text.Add(0, []byte(line))
	return true
}

// end returns what a benchmark has logged that ends with a line of its own. The name may have
// the number of processors at its end.
func (b *benchmarks) end(name string) string {
	for _, bench := range b.running {
		if name == bench.name || isOnProcessors(name, bench.name) {
			return bench.take()
		}
	}
	return ""
}

// isOnProcessors reports whether a name is that of a benchmark with a number of processors.
func isOnProcessors(name, of string) bool {
	number, ok := strings.CutPrefix(name, of+"-")
	return ok && strings.Trim(number, "0123456789") == ""
}

// flush prints the logs of the benchmarks in which the test binary or its machine ended.
func (b *benchmarks) flush() error {
	for _, bench := range b.running {
		if err := b.out.print(bench.take()); err != nil {
			return err
		}
	}
	b.running = nil
	return nil
}

// take returns the log, and forgets it.
func (b *benchmark) take() string {
	text := b.text.String()
	b.text = Excerpt{}
	return text
}
