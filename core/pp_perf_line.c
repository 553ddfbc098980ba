/*
 * pp_perf_line.c
 *		The syntax of "perf script", line by line.
 *
 * It is made for people, and each of its fields may be missing.  So a header is
 * read from its anchors outwards: the time, else the process id; what is left of
 * them is the command, which may hold blanks.
 */
#include "core/pp_perf_line.h"

#define MAX_WORDS	  32 /* of a header, up to its event */
#define ADDRESS_WIDTH 16
#define MAX_MODIFIERS 8

static bool
all_digits(PpBytes text)
{
	return text.len > 0 && pp_take_digits(&text).len > 0 && text.len == 0;
}

/* "123" or "123/124"; perf prints -1 for what it does not know. */
static bool
is_pid(PpBytes word)
{
	pp_skip_char(&word, '-');
	if (pp_take_digits(&word).len == 0)
		return false;
	if (pp_skip_char(&word, '/'))
	{
		pp_skip_char(&word, '-');
		return all_digits(word);
	}
	return word.len == 0;
}

static bool
is_cpu(PpBytes word)
{
	return pp_skip_char(&word, '[') && pp_take_digits(&word).len > 0 && pp_skip_char(&word, ']') &&
		   word.len == 0;
}

/* "6616.539387:" or with nanoseconds. */
static bool
is_time(PpBytes word, int64_t *ns)
{
	PpBytes seconds = pp_take_digits(&word), fraction;
	int64_t value;

	if (seconds.len == 0 || !pp_skip_char(&word, '.'))
		return false;
	fraction = pp_take_digits(&word);
	if (fraction.len == 0 || fraction.len > 9 || !pp_skip_char(&word, ':') || word.len > 0)
		return false;
	if (!pp_parse_int64(seconds, &value) || !pp_parse_int64(fraction, ns))
		return false;
	for (uint32_t i = fraction.len; i < 9; i++)
		*ns *= 10;
	return !__builtin_mul_overflow(value, 1000000000, &value) &&
		   !__builtin_add_overflow(value, *ns, ns);
}

static bool
is_event(PpBytes word)
{
	return word.len > 1 && word.data[word.len - 1] == ':' && !pp_is_digit(word.data[0]);
}

/* "cycles:ppp:" is the event cycles, "sched:sched_switch:" all of it. */
static PpBytes
event_name(PpBytes word)
{
	PpBytes name = {word.data, word.len - 1};
	uint32_t at = name.len;

	while (at > 0 && name.data[at - 1] != ':' && name.data[at - 1] != '\0' &&
		   strchr("ukhHGIpPSDWeb", name.data[at - 1]) != NULL)
		at--;
	if (at > 1 && at < name.len && name.len - at <= MAX_MODIFIERS && name.data[at - 1] == ':')
		name.len = at - 1;
	return name;
}

bool
pp_perf_is_aligned(PpBytes text)
{
	uint32_t before = text.len, digits;

	pp_skip_blanks(&text);
	digits = pp_take_hex(&text).len;
	return digits > 0 && digits <= ADDRESS_WIDTH && before - text.len >= ADDRESS_WIDTH &&
		   (text.len == 0 || text.data[0] == ' ');
}

/* Where the parenthesis that the last byte closes opens; len if it does not. */
static uint32_t
opening(PpBytes text)
{
	uint32_t depth = 0;

	for (uint32_t i = text.len; i-- > 0;)
	{
		if (text.data[i] == ')')
			depth++;
		else if (text.data[i] == '(' && --depth == 0)
			return i;
	}
	return text.len;
}

/* Take " (...)" from the end of the text. */
static bool
take_last_parentheses(PpBytes *text, PpBytes *inside)
{
	uint32_t at;

	if (text->len == 0 || text->data[text->len - 1] != ')')
		return false;
	at = opening(*text);
	if (at == text->len || (at > 0 && text->data[at - 1] != ' '))
		return false;
	*inside = (PpBytes){text->data + at + 1, text->len - at - 2};
	text->len = at;
	*text = pp_trim(*text);
	return true;
}

static bool
text_is(PpBytes text, const char *what)
{
	return pp_bytes_eq(text, pp_bytes_cstr(what));
}

/* Without "+0x1f" at the end. */
static PpBytes
without_offset(PpBytes symbol)
{
	uint32_t at = symbol.len;

	while (at > 0 && pp_hex_digit(symbol.data[at - 1]) >= 0)
		at--;
	if (at < symbol.len && at >= 3 && memcmp(symbol.data + at - 3, "+0x", 3) == 0)
		symbol.len = at - 3;
	return symbol;
}

void
pp_perf_frame(PpBytes text, PpPerfFrame *frame)
{
	PpBytes after = text, digits = pp_take_hex(&after), inside;

	*frame = (PpPerfFrame){.dso = {"", 0}, .symbol = {"", 0}, .file = {"", 0}};
	if ((after.len == 0 || after.data[0] == ' ') && pp_parse_hex64(digits, &frame->address))
	{
		frame->has_address = true;
		text = pp_trim(after);
	}
	while (take_last_parentheses(&text, &inside))
	{
		if (!text_is(inside, "inlined"))
		{
			frame->dso = inside;
			break;
		}
		frame->inlined = true;
	}
	frame->symbol = without_offset(text);
	if (text_is(frame->symbol, "[unknown]"))
		frame->symbol.len = 0;
	if (text_is(frame->dso, "[unknown]"))
		frame->dso.len = 0;
}

void
pp_perf_source(PpBytes text, PpPerfFrame *frame)
{
	PpBytes before = text, inside;
	uint32_t at;

	if (take_last_parentheses(&text, &inside) && text_is(inside, "inlined"))
		frame->inlined = true;
	else
		text = before;
	for (at = text.len; at > 0 && pp_is_digit(text.data[at - 1]);)
		at--;
	/* ":0" is what is not known */
	if (at < 2 || at == text.len || text.data[at - 1] != ':' ||
		!pp_parse_int64((PpBytes){text.data + at, text.len - at}, &frame->line))
		return;
	frame->file = (PpBytes){text.data, at - 1};
}

/* --- headers --- */

typedef struct Words
{
	PpBytes line;
	PpBytes word[MAX_WORDS];
	uint32_t n;
} Words;

static void
split(PpBytes line, Words *words)
{
	words->line = line;
	for (words->n = 0; words->n < MAX_WORDS; words->n++)
	{
		pp_skip_blanks(&line);
		if (line.len == 0)
			return;
		words->word[words->n] = pp_take_word(&line);
	}
}

/* What comes before a word, trimmed. */
static PpBytes
before(const Words *words, uint32_t i)
{
	const char *end = i < words->n ? words->word[i].data : words->line.data + words->line.len;

	return pp_trim((PpBytes){words->line.data, (uint32_t) (end - words->line.data)});
}

/* What comes from the end of a word on, with its blanks. */
static PpBytes
behind(const Words *words, uint32_t i)
{
	const char *start = words->word[i].data + words->word[i].len;

	return (PpBytes){start, (uint32_t) (words->line.data + words->line.len - start)};
}

/* Index of the word behind the time, or 0 if there is no time. */
static uint32_t
find_time(const Words *words, PpPerfHeader *header)
{
	for (uint32_t i = 0; i < words->n; i++)
	{
		uint32_t at = i;

		if (!is_time(words->word[i], &header->time))
			continue;
		header->has_time = true;
		at -= at > 0 && is_cpu(words->word[at - 1]);
		header->has_pid = at > 0 && is_pid(words->word[at - 1]);
		header->comm = before(words, at - header->has_pid);
		return i + 1;
	}
	return 0;
}

/* Could the word behind a process id be this? */
static bool
follows_pid(const Words *words, uint32_t i)
{
	return i >= words->n || is_cpu(words->word[i]) || is_event(words->word[i]) ||
		   all_digits(words->word[i]);
}

/* Index of the word behind the process id and the processor, or 0 if there is none. */
static uint32_t
find_pid(const Words *words, PpPerfHeader *header)
{
	/* the first word is the command, if there is one */
	for (uint32_t k = 1; k <= words->n; k++)
	{
		uint32_t i = k % words->n;

		if (!is_pid(words->word[i]) || !follows_pid(words, i + 1))
			continue;
		header->has_pid = true;
		header->comm = before(words, i);
		return i + 1 < words->n && is_cpu(words->word[i + 1]) ? i + 2 : i + 1;
	}
	return 0;
}

/* Period and event from word `at` on; index of the word behind them. */
static uint32_t
find_event(const Words *words, uint32_t at, uint32_t last, PpPerfHeader *header)
{
	for (uint32_t i = at; i < words->n && i <= last; i++)
	{
		if (!is_event(words->word[i]))
			continue;
		header->event = event_name(words->word[i]);
		if (i > at && all_digits(words->word[i - 1]))
			header->has_period = pp_parse_int64(words->word[i - 1], &header->period);
		return i + 1;
	}
	/* a period without an event is the last thing in the line */
	if (at + 1 == words->n && all_digits(words->word[at]))
	{
		header->has_period = pp_parse_int64(words->word[at], &header->period);
		return words->n;
	}
	return at;
}

void
pp_perf_header(PpBytes line, PpPerfHeader *header)
{
	Words words;
	uint32_t at;

	*header = (PpPerfHeader){.comm = {"", 0}, .event = {"", 0}};
	split(line, &words);
	if (words.n == 0)
		return;
	at = find_time(&words, header);
	if (at == 0)
		at = find_pid(&words, header);
	if (at > 0)
		/* flags may stand before the period */
		at = find_event(&words, at, at + 2, header);
	else
	{
		/* a command and perhaps an event, of which only the latter can be told */
		at = find_event(&words, 0, words.n, header);
		if (header->event.len > 0)
			header->comm = before(&words, at - 1 - header->has_period);
		else
		{
			header->comm = pp_trim(line);
			header->has_period = false;
			at = 0;
		}
	}
	if (at > 0 && at < words.n && pp_perf_is_aligned(behind(&words, at - 1)))
	{
		header->has_frame = true;
		pp_perf_frame(pp_trim(behind(&words, at - 1)), &header->frame);
	}
}

bool
pp_perf_header_is_sure(const PpPerfHeader *header)
{
	return header->has_time ? header->has_pid || header->event.len > 0
							: header->has_pid && header->event.len > 0;
}
