// SPDX-License-Identifier: BSD-3-Clause

package uapi

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	comment     = regexp.MustCompile(`(?s)/\*.*?\*/`)
	guard       = regexp.MustCompile(`(?m)^#ifndef (\w+)\n#define (\w+)\n`)
	include     = regexp.MustCompile(`(?m)^#include <linux/types\.h>$`)
	define      = regexp.MustCompile(`(?m)^#define[ \t]+(\w+)[ \t]+(\S.*)$`)
	structure   = regexp.MustCompile(`struct (\w+) \{([^}]*)\};`)
	structField = regexp.MustCompile(`(\w+) (\w+);`)
)

var fixedWidth = map[string]string{
	"__u8": "uint8", "__u16": "uint16", "__u32": "uint32", "__u64": "uint64",
	"__s8": "int8", "__s16": "int16", "__s32": "int32", "__s64": "int64",
}

// translate translates the header to Go source that should have the same
// declarations as uapi.go. It fails on any other construct, so that no part of
// the header remains unchecked.
func translate(header string) (string, error) {
	rest := comment.ReplaceAllString(header, "")
	m := guard.FindStringSubmatch(rest)
	if len(m) == 0 || m[1] != m[2] {
		return "", errors.New("translate header: no include guard")
	}
	rest = strings.Replace(rest, m[0], "", 1)
	rest = strings.Replace(rest, "#endif", "", 1)
	rest = include.ReplaceAllString(rest, "")

	var out strings.Builder
	out.WriteString("package uapi\n")
	for _, m := range define.FindAllStringSubmatch(rest, -1) {
		fmt.Fprintf(&out, "const %s = %s\n", camel(m[1]), camelAll(m[2]))
	}
	rest = define.ReplaceAllString(rest, "")

	for _, m := range structure.FindAllStringSubmatch(rest, -1) {
		fields, err := translateFields(m[2])
		if err != nil {
			return "", fmt.Errorf("translate struct %s: %w", m[1], err)
		}
		fmt.Fprintf(&out, "type %s struct {\n%s}\n", structName(m[1]), fields)
	}
	rest = structure.ReplaceAllString(rest, "")

	if rest = strings.TrimSpace(rest); rest != "" {
		return "", fmt.Errorf("translate header: unknown %q", rest)
	}
	return out.String(), nil
}

func translateFields(body string) (string, error) {
	var out strings.Builder
	for _, m := range structField.FindAllStringSubmatch(body, -1) {
		typ, ok := fixedWidth[m[1]]
		if !ok {
			return "", fmt.Errorf("field %s: type %s has no fixed width", m[2], m[1])
		}
		fmt.Fprintf(&out, "%s %s\n", camel(m[2]), typ)
	}
	if rest := strings.TrimSpace(structField.ReplaceAllString(body, "")); rest != "" {
		return "", fmt.Errorf("unknown %q", rest)
	}
	return out.String(), nil
}

var identifier = regexp.MustCompile(`[A-Za-z_]\w*`)

func camelAll(expression string) string {
	return identifier.ReplaceAllStringFunc(expression, camel)
}

// camel converts SOCKET_OPS_SET to SocketOpsSet and set_bytes to SetBytes.
func camel(name string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(name), "_") {
		if word != "" {
			out.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return out.String()
}

func structName(name string) string {
	return camel(strings.TrimPrefix(name, "socketopt_"))
}
