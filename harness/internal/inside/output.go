package inside

import "encoding/binary"

// ChannelFile is the file descriptor, in a test binary, of the channel to the host. Package
// events writes records of standard output to it, past PID 1.
const ChannelFile = 4

// MaxRecord is the length in bytes of the longest record that several processes may write
// to the channel at the same time: the kernel's driver sends up to 32 KiB of one write in
// one piece.
const MaxRecord = 32 << 10

// OutputRecord returns a record of standard output, as package wire writes it, with the
// content text.
func OutputRecord(text []byte) []byte {
	const stdout = 8
	return record(stdout, text)
}

// MarkRecord returns a record with the line of a mark, as package wire writes it.
func MarkRecord(line string) []byte {
	const mark = 27
	return record(mark, []byte(line))
}

func record(of byte, content []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{of}, uint32(len(content))), content...)
}
