// Writes patterns.json: which patterns Go's regexp refuses, and which texts the others are found in.
//
//	go run ./patterns > patterns.json
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"runtime"
	"strings"
	"unicode"
)

// What every pattern is looked for in. Bytes of 0x80 and more stand alone in some of them: those are not UTF-8.
var texts = []string{
	"", "a", "b", "A", "ab", "aB", "ba", "aab", "aaaa", "abc", "a b", "a\nb", "\n", "b\n", "a\r\nb", "\r", "1", "12", "a1_", "_", "-", "a-b", "--", "]", "[",
	"a]", "^", "$", ".", "*", "a*", "a**", "+", "?", "{", "}", "a{,3}", "{2}", "a{2", "(", ")", "|", "a|b", "\\", "\\d", "\\E", "Q", "a.b", "&", "a&&b", "~",
	"<a>", "#", "a # b", "/", ":", "[:alpha:]", "\x00", "\x01", "\x07", "\x08", "\t", "\v", "\f", " ", "\x7f", "S", "u0041", "A1", "é", "É", "aéb", "ß", "ẞ",
	"ſ", "\u212a", "k", "αβγ", "Ω", "漢字", "кот", "٣", "½", "Ⅷ", "ǅ", "̈", "\u00a0", "\u2028", "\u0085", "€", "😀", "\U0010ffff", "\ufffd", "\xff", "a\xff",
	"\xe2\x82", "a\xe2\x82b", "\xed\xa0\x80", "x", "xyz", "word word", "end.", "/users/{id}/42", "GET /health", "connection reset by 10.0.0.1", "\xc3b",
}

func written() []string {
	return strings.Split(strings.Trim(`
a
a|b
a||b
|
()
(a)(b)
(?:a)
^a$
^$
$^
a^b
a$b
(?m)^b
(?m)a$
(?m)^$
(?m:^b)|^a
(?s).
.
^.$
^..$
(?s)^.$
(?s)a.b
a.b
(?s:.)a.b
(?i)ab
(?i:a)b
a(?i)b
a(?i)b|AB
(a(?i)b)B
(?-i)a
(?i)a(?-i)b
(?i-s)a.
(?is)A.B
(?im-s:^a$)
(?U)a+
(?U:a+?)
(?)a
(?:)
(?-)
(?i-)a
(?i--s)a
(?i-s-m)a
(?z)
(?x)a b
(?x:a b)
(?u)a
(?-u)a
(?-u:a)
(?R)a
(?R:^a$)
(?Ri)a
(?ii)a
(?
(?i
(?:
(?P
(?P<
(?P<n
(?P<n>
(?P<n>a)
(?P<n>a)(?P<n>b)
(?P<1>a)
(?P<é>a)
(?P<>a)
(?P<n m>a)
(?P<n.m>a)
(?P<n[0]>a)
(?<n>a)
(?<
(?<=a)b
(?<!a)b
(?=a)
(?!a)
(?>a)
(?|a|b)
(?#c)a
(?P=n)
(?P>n)
(?'n'a)
(?&n)
(?R)
(?1)
(a)\1
\1
\8
\9
\0
\00
\01
\012
\0123
\08
\12
\19
\77
\101
\123
\377
\400
\777
[\1]
[\01]
[\101]
\x
\x4
\x41
\x4g
\x{41}
\x{}
\x{ 41}
\x{41
\x{0041}
\x{1F600}
\x{10FFFF}
\x{110000}
\x{00000000000000041}
\x{D800}
\x{DFFF}
\x{fffd}
[\x{D800}]
[^\x{D800}]
[\x{D000}-\x{DABC}]
[\x{DABC}-\x{E000}]
[\x{D800}-\x{DFFF}]
[^\x{D800}-\x{DFFF}]
[\x{0}-\x{10FFFF}]
[^\x{0}-\x{10FFFF}]
\u0041
\U00000041
\u{41}
\N{SPACE}
\cA
\e
\G
\h
\H
\K
\R
\V
\v
\X
\Z
\z
a\z
\A
\Aa
\Ab
\b
\B
\ba
a\b
\Ba
a\B
\bend\b
\b{start}
\b{end}a
\b{start-half}
\b{2}
\<a\>
\<
\>
\C
\Qa.b
\Qa.b\E
\Qa*\E*
\Q\E
a*\Q\E*
\E
a\E
\Q\\E
\Q(\E)
\Qa\Eb\Qc\E
(\Qa\E)
[\Qa\E]
[\Q]]
\q
\_
\-
\/
\#
\ 
\é
\

a\
*
+
?
a*
a+
a?
a*?
a+?
a??
a**
a*+
a++
a+*
a?*
a???
a*??
a{2}*
a{2}{3}
a{2}?
a{2}??
a{2}+
(a*)*
(a*)+
(?:a{2})*
(?:a{2}){2}
(*)
(|*)
a|*
a|b|*
(?i)*
a(?i)*
a*(?i)*
a(?:)*
^*
$*
^*a
\b+
\A*a
(^a)*
{
{2}
{,2}
a{
a{}
a{1
a{1,
a{,3}
a{,}
a{1,2
a{0}
a{0,0}
a{0,}
a{0,1}
a{1}
a{1,}
a{1,1}
a{2}
a{2,}
a{2,3}
a{3,2}
a{01}
a{1,02}
a{ 1}
a{1 }
a{1,2,3}
a{-1}
a{1000}
a{1001}
a{1000,}
a{1001,}
a{0,1000}
a{0,1001}
a{100000000}
a{1000000000000}
a{99999999999999999999}
a{1,99999999999999999999}
(a{10}){100}
(a{10}){101}
(a{100}){10,}
(a{100}){11,}
(a{0,}){1000}
((a{2,}){2,}){250}
((a{2,}){2,}){251}
(a{0}){1000}
(a{1000}){0}
((a{1000}){0}){1000}
(a{1000}){1}
(a{1000}b{1000}){1}
(a{500}|b{2}){2}
(a{501}|b{2}){2}
(a{1000})*
((a{1000})*){1000}
(a
a)
)
((a)
(a))
)(
[
[]
[]]
[]a]
[^]
[^]]
[^]a]
[a
[a-
[a-]
[-a]
[--a]
[---]
[+--]
[a-z]
[z-a]
[a-a]
[a-c-e]
[a\]b]
[\]]
[\\]
[\-a]
[a\-z]
[^a]
[^^]
[^\n]
[a^]
[\^a]
[[]
[[]]
[a[b]]
[a[b]
[a[^b]]
[[a]]
[[a]-z]
[a&&b]
[a&b]
[&&]
[a--b]
[a-c--b]
[a~~b]
[~~]
[a||b]
[[a-z]&&[aeiou]]
[\d]
[\D]
[^\d]
[^\D]
[\d-z]
[a-\d]
[\d.]
[\w-]
[^\s,]
[\s\S]
[^\s\S]
[\b]
[\B]
[\A]
[\z]
[\n\t]
[\x41-\x43]
[\x{41}-C]
[\pL]
[\p{Lu}a]
[^\pL]
[\PL]
[^\PL]
[[:alpha:]]
[[:^alpha:]]
[^[:alpha:]]
[[:alpha:][:digit:]]
[[:alpha:]-z]
[[:word:]]
[[:alnum:]]
[[:ascii:]]
[[:blank:]]
[[:cntrl:]]
[[:digit:]]
[[:graph:]]
[[:lower:]]
[[:print:]]
[[:punct:]]
[[:space:]]
[[:upper:]]
[[:xdigit:]]
[[:^word:]]
[[:^space:]]
[[:foo:]]
[[:ALPHA:]]
[[:alpha]]
[[:alpha:]
[:alpha:]
[[:]]
[[::]]
[[.a.]]
[[=a=]]
(?i)[[:upper:]]
(?i)[[:^upper:]]
(?i)[^[:upper:]]
(?i)[[:word:]]
\d
\D
\s
\S
\w
\W
^\d$
^\w$
^\W$
^\S$
^\s$
(?i)\w
(?i)^\w$
(?i)^\W$
(?i)[\w]
(?i)[^\w]
(?i)[^a-z]
(?i)[k]
(?i)k
(?i)K
(?i)s
(?i)ſ
(?i)ß
(?i)ẞ
(?i)É
(?i)ω
(?i)[α-ω]
(?i)ǆ
(?i)^\x{212A}$
(?i)\Qk\E
(?i)\x{D800}
é
[é]
[^é]
é*
(?:aé)+
[à-ÿ]
\p
\p{
\p{}
\p{L
\pX
\p{X}
\p^
\pé
\p{^L}
\P{^L}
\p{^}
\p{^^L}
\p{Greek}
\p{greek}
\p{GREEK}
\p{Gre-ek}
\p{ Greek }
\P{Greek}
\p{^Greek}
[\p{Greek}\p{Han}]
[^\p{Greek}]
(?i)\p{Greek}
(?i)\P{Greek}
(?i)[\P{Greek}]
(?i)\p{Lu}
(?i)\p{Ll}
(?i)\p{Lt}
(?i)\P{Lu}
(?i)[^\p{Lu}]
(?i)\p{Any}
(?i)\p{ASCII}
(?i)\P{ASCII}
\p{Grek}
\p{IsGreek}
\p{isL}
\p{sc=Greek}
\p{sc:Greek}
\p{scx=Greek}
\p{Script=Greek}
\p{Script_Extensions=Greek}
\p{gc=L}
\p{gc!=L}
\p{General_Category=L}
\p{Alphabetic}
\p{Lowercase}
\p{White_Space}
\p{Emoji}
\p{Age=3.0}
\p{Block=Basic_Latin}
\p{InBasicLatin}
\p{L&}
\p{LC}
\p{Lc}
\p{Any}
\p{any}
\P{Any}
\p{ASCII}
\p{Assigned}
\P{Assigned}
\p{Cn}
\p{Cs}
\P{Cs}
[\p{Cs}]
[^\p{Cs}]
\p{Co}
\p{Letter}
\p{letter}
\p{Lowercase_Letter}
\p{lowercaseletter}
\p{Zyyy}
\p{Common}
\p{Inherited}
\p{Zinh}
\p{Qaai}
\p{Unknown}
\p{Zzzz}
\p{Garay}
\p{Latin}
\p{Latn}
\p{Han}
\p{Hani}
\p{Cyrillic}
a.*b
a.+?b
^(GET|POST) /health$
/health$
connection (reset|closed) by \d+
^/users/{id}/\d{2,3}$
prefix/.*
(\W|^)stock\stips(\W|$
\B\B
(?:\B)
^\B$
\B$
(?m)\B$
`, "\n"), "\n")
}

// Every escape of an ASCII character, alone and in a class, and every flag.
func systematic() []string {
	var patterns []string
	for c := rune(' '); c < 0x7f; c++ {
		patterns = append(patterns, `\`+string(c), `[\`+string(c)+`]`, `a\`+string(c)+`b`, "("+"?"+string(c)+")a", "("+"?-"+string(c)+":a)", "a"+string(c), "["+string(c)+"]", "[^"+string(c)+"]", string(c)+string(c))
		for _, letters := range []string{`\p` + string(c), `\P{` + string(c) + `}`, `\x` + string(c) + "1", `\0` + string(c), `\1` + string(c)} {
			patterns = append(patterns, letters)
		}
	}
	for _, names := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts} {
		for _, name := range sorted(names) {
			patterns = append(patterns, `\p{`+name+`}`, `^\P{`+name+`}$`)
		}
	}
	for _, name := range sorted(unicode.CategoryAliases) {
		patterns = append(patterns, `\p{`+name+`}`)
	}
	return patterns
}

func sorted[V any](names map[string]V) []string {
	var all []string
	for name := range names {
		all = append(all, name)
	}
	for i := range all {
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all
}

// Pieces put together at random, the same ones each time.
func random(count int) []string {
	pieces := []string{"a", "b", "A", "é", ".", "^", "$", "|", "(", ")", "(?:", "(?i)", "(?i:", "(?s)", "(?m)", "(?-i:", "[", "]", "[^", "-", "*", "+", "?",
		"{2}", "{1,2}", "{,2}", "{", "}", `\d`, `\w`, `\s`, `\D`, `\W`, `\b`, `\B`, `\A`, `\z`, `\Q`, `\E`, `\pL`, `\p{Lu}`, `\P{Greek}`, "[:alpha:]", "[:^digit:]",
		"&&", "~~", "--", ",", " ", "#", "\n", `\n`, `\.`, `\x41`, `\x{e9}`, "K", "k", "1", "_"}
	draw := rand.New(rand.NewSource(1))
	var patterns []string
	for range count {
		var pattern strings.Builder
		for range 1 + draw.Intn(7) {
			pattern.WriteString(pieces[draw.Intn(len(pieces))])
		}
		patterns = append(patterns, pattern.String())
	}
	return patterns
}

// A text as JSON: a string, or a list of strings and of bytes that are not UTF-8.
func asJSON(text string) any {
	if strings.ToValidUTF8(text, "") == text {
		return text
	}
	var parts []any
	for _, char := range strings.SplitAfter(text, "") {
		if strings.ToValidUTF8(char, "") == char {
			parts = append(parts, char)
			continue
		}
		for _, one := range []byte(char) {
			parts = append(parts, one)
		}
	}
	return parts
}

func line(value any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var asTexts []any
	for _, text := range texts {
		asTexts = append(asTexts, asJSON(text))
	}
	fmt.Fprintf(out, "{\"go\": %q, \"unicode\": %q,\n \"texts\": %s,\n \"patterns\": [", runtime.Version(), unicode.Version, line(asTexts))
	seen := map[string]bool{}
	separator := "\n"
	for _, pattern := range append(append(written(), systematic()...), random(1500)...) {
		if seen[pattern] {
			continue
		}
		seen[pattern] = true
		entry := []any{pattern}
		if compiled, err := regexp.Compile(pattern); err == nil {
			var found []int
			for place, text := range texts {
				if compiled.MatchString(text) {
					found = append(found, place)
				}
			}
			entry = append(entry, bits(found))
		}
		fmt.Fprint(out, separator, line(entry))
		separator = ",\n"
	}
	fmt.Fprintln(out, "\n]}")
}

// One hexadecimal digit for four texts, the first of them the highest bit.
func bits(found []int) string {
	digits := make([]byte, (len(texts)+3)/4)
	for _, place := range found {
		digits[place/4] |= 8 >> (place % 4)
	}
	text := ""
	for _, digit := range digits {
		text += fmt.Sprintf("%x", digit)
	}
	return text
}
