package matrix

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// converter is the path of test2json, the program that converts a test binary's
// output to JSON.
type converter string

// newConverter returns the path of the go command's test2json, which the go
// command builds first if necessary.
func newConverter(ctx context.Context, dir string) (converter, error) {
	out, err := goCommand(ctx, dir, "tool", "-n", "test2json")
	if err != nil {
		return "", fmt.Errorf("find test2json: %w", err)
	}
	return converter(strings.TrimSpace(string(out))), nil
}

// convert starts the converter, which ends when its input does. The function
// that it returns waits for that.
func (c converter) convert(input io.Reader) (io.Reader, func() error, error) {
	cmd := exec.Command(string(c), "-t") //nolint:noctx // it ends with its input; -t makes it report how long tests took
	setOwnGroup(cmd)
	cmd.Stdin = input
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return out, cmd.Wait, cmd.Start()
}

// event is a line of test2json's output.
type event struct {
	Action  string
	Test    string
	Elapsed float64
	Output  string
}

// eventLimit is the longest event that is read, in bytes. Test2json puts at most
// 4 KiB of a name and of output into an event, which is less even with every byte
// escaped.
const eventLimit = 128 << 10

// readEvents calls take for each event until r ends. It skips lines that are not
// events or longer than eventLimit.
func readEvents(r io.Reader, take func(event)) error {
	lines := bufio.NewReaderSize(r, eventLimit)
	tooLong := false // the line that is being read
	for {
		line, err := lines.ReadSlice('\n')
		var e event
		if !tooLong && json.Unmarshal(line, &e) == nil {
			take(e)
		}
		tooLong = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case err == nil, tooLong:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("read the events of the tests: %w", err)
		}
	}
}
