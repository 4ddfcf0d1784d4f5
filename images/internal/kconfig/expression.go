package kconfig

import (
	"regexp"
	"slices"
	"strings"
)

// The three values of an expression.
const (
	no = iota
	module
	yes
)

// expression evaluates a Kconfig condition like the kernel's own tools.
type expression struct {
	tokens []string
	values Values
	// unclear is set if a part depends on a macro, which only make can expand.
	unclear bool
}

var token = regexp.MustCompile(`\$\((?:[^()]|\([^()]*\))*\)|"[^"]*"|'[^']*'|&&|\|\||!=|[<>]=?|[=!()]|[\w.-]+`)

// evaluate returns the value of a condition, and whether it is certain.
func evaluate(condition string, values Values) (value int, certain bool) {
	e := &expression{tokens: token.FindAllString(condition, -1), values: values}
	value = e.or()
	return value, !e.unclear && len(e.tokens) == 0
}

// operands returns the symbols of a condition with their values: "NET=y".
func operands(condition string, values Values) []string {
	var all []string
	for _, t := range token.FindAllString(condition, -1) {
		if isSymbol(t) && !slices.Contains(all, t+"="+values.Of(t)) {
			all = append(all, t+"="+values.Of(t))
		}
	}
	return all
}

func isSymbol(t string) bool {
	return regexp.MustCompile(`^\w+$`).MatchString(t) && t != "y" && t != "m" && t != "n"
}

func (e *expression) next() string {
	if len(e.tokens) == 0 {
		return ""
	}
	return e.tokens[0]
}

func (e *expression) take() string {
	t := e.next()
	if t != "" {
		e.tokens = e.tokens[1:]
	}
	return t
}

func (e *expression) or() int {
	value := e.and()
	for e.next() == "||" {
		e.take()
		value = max(value, e.and())
	}
	return value
}

func (e *expression) and() int {
	value := e.not()
	for e.next() == "&&" {
		e.take()
		value = min(value, e.not())
	}
	return value
}

func (e *expression) not() int {
	switch e.next() {
	case "!":
		e.take()
		return yes - e.not()
	case "(":
		e.take()
		value := e.or()
		e.take()
		return value
	}
	return e.comparison()
}

func (e *expression) comparison() int {
	left := e.take()
	operator := e.next()
	if !slices.Contains([]string{"=", "!=", "<", ">", "<=", ">="}, operator) {
		return e.tristate(left)
	}
	e.take()
	right := e.take()
	if operator != "=" && operator != "!=" {
		e.unclear = true // versions of compilers and the like
		return yes
	}
	if (e.text(left) == e.text(right)) == (operator == "=") {
		return yes
	}
	return no
}

func (e *expression) tristate(t string) int {
	switch e.text(t) {
	case "y":
		return yes
	case "m":
		return module
	default:
		return no
	}
}

// text returns the value of an operand, without quotes.
func (e *expression) text(t string) string {
	switch {
	case strings.HasPrefix(t, "$"):
		e.unclear = true
		return "y"
	case t == "y" || t == "m" || t == "n":
		return t
	case isSymbol(t) && !strings.ContainsAny(t[:1], "0123456789"):
		return strings.Trim(e.values.Of(t), `"`)
	default:
		return strings.Trim(t, `"'`)
	}
}
