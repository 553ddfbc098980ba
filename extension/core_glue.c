/*
 * core_glue.c
 *		Between the core and the backend: allocator, errors, interrupts, label
 *		sets, texts.
 *
 * The core never jumps: memory that is not there is a NULL and an interrupt is
 * a poll that says true, and the core unwinds with a code that core_raise
 * makes an error of.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "core_glue.h"
#include "guc.h"

/* ---- memory and interrupts ---- */

static void *
context_alloc(void *ctx, size_t size)
{
	return MemoryContextAllocExtended(ctx, size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
}

static void *
context_resize(void *ctx, void *ptr, size_t size)
{
	if (ptr == NULL)
		return context_alloc(ctx, size);
	return repalloc_no_oom(ptr, size);
}

static void
context_release(void *ctx, void *ptr)
{
	if (ptr != NULL)
		pfree(ptr);
}

/*
 * Only what surely ends the query: other interrupts (a barrier, a request to log
 * memory) are serviced and forgotten, and would make a false alarm of a poll.
 */
static bool
context_poll(void *ctx)
{
	return InterruptPending && (QueryCancelPending || ProcDiePending) &&
		   InterruptHoldoffCount == 0 && QueryCancelHoldoffCount == 0 && CritSectionCount == 0;
}

PpAlloc *
core_alloc_create(MemoryContext context)
{
	PpAlloc *alloc = MemoryContextAlloc(context, sizeof(PpAlloc));

	alloc->alloc = context_alloc;
	alloc->resize = context_resize;
	alloc->release = context_release;
	alloc->poll = context_poll;
	alloc->ctx = context;
	return alloc;
}

PpArena *
core_arena_create(void)
{
	PpArena *arena = pp_arena_new(core_alloc_create(CurrentMemoryContext));

	if (arena == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return arena;
}

/* ---- errors ---- */

int
core_sqlstate(PpCode code)
{
	switch (code)
	{
		case PP_OK:
			return ERRCODE_SUCCESSFUL_COMPLETION;
		case PP_EMALFORMED:
			return ERRCODE_INVALID_BINARY_REPRESENTATION;
		case PP_EUNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case PP_ELIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case PP_EOVERFLOW:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case PP_EINCOMPATIBLE:
		case PP_EINVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case PP_EREGEX:
			return ERRCODE_INVALID_REGULAR_EXPRESSION;
		case PP_ENOMEM:
			return ERRCODE_OUT_OF_MEMORY;
		case PP_ECANCELED:
			return ERRCODE_QUERY_CANCELED;
	}
	return ERRCODE_INTERNAL_ERROR;
}

void
core_raise(const PpError *err)
{
	PpBytes bytes = pp_bytes_cstr(err->message);

	/* cancelled: this throws the reason, a cancel, a timeout or a termination */
	CHECK_FOR_INTERRUPTS();
	ereport(ERROR,
			errcode(core_sqlstate(err->code)),
			errmsg("%s", text_to_cstring(core_text(bytes))),
			err->offset == PP_NO_OFFSET
				? 0
				: errdetail("The problem is at byte %zu of the input.", err->offset),
			pprof_can_raise(err->setting, err->limit)
				? errhint("Raise \"pprof.%s\" if the input is to be trusted.", err->setting)
			: err->code == PP_EINCOMPATIBLE
				? errhint("Group the profiles by sample type, or keep the types that all have with pprof.keep_sample_types().")
				: 0);
	pg_unreachable();
}

/* ---- texts ---- */

/*
 * Length of the well-formed UTF-8 character at data, or 0: then one byte of it is
 * bad.  NUL, which no text can hold, counts as bad.
 */
static int
utf8_char(const char *data, size_t len)
{
	int n = pg_utf_mblen((const unsigned char *) data);

	if (*data == '\0' || (size_t) n > len || !pg_utf8_islegal((const unsigned char *) data, n))
		return 0;
	return n;
}

static bool
is_plain_ascii(PpBytes bytes)
{
	for (uint32_t i = 0; i < bytes.len; i++)
		if (bytes.data[i] == '\0' || IS_HIGHBIT_SET(bytes.data[i]))
			return false;
	return true;
}

/* Append valid UTF-8 in the server's encoding; "?" stands for what that cannot say. */
static void
append_converted(StringInfo out, const char *data, int len)
{
	int encoding = GetDatabaseEncoding();
	Oid proc = FindDefaultConversionProc(PG_UTF8, encoding);

	while (len > 0)
	{
		int room = Min(len, 1024) * MAX_CONVERSION_GROWTH + 1;
		int done = 0;

		if (OidIsValid(proc))
		{
			enlargeStringInfo(out, room);
			done = pg_do_encoding_conversion_buf(proc,
												 PG_UTF8,
												 encoding,
												 (unsigned char *) unconstify(char *, data),
												 len,
												 (unsigned char *) out->data + out->len,
												 room,
												 true);
			out->len += (int) strlen(out->data + out->len);
			data += done;
			len -= done;
		}
		if (done == 0 && len > 0)
		{
			int skip = pg_utf_mblen((const unsigned char *) data);

			appendStringInfoChar(out, '?');
			data += skip;
			len -= skip;
		}
	}
}

/* Bytes as text of the server: what is no UTF-8 becomes U+FFFD, byte by byte. */
static void
append_bytes(StringInfo out, PpBytes bytes)
{
	StringInfoData valid;
	bool ascii_server = GetDatabaseEncoding() == PG_SQL_ASCII;

	initStringInfo(&valid);
	for (uint32_t i = 0; i < bytes.len;)
	{
		int n = utf8_char(bytes.data + i, bytes.len - i);

		if (n == 0 && ascii_server && bytes.data[i] != '\0')
			n = 1; /* such a server takes any byte */
		if (n == 0)
			appendBinaryStringInfo(&valid, "\xef\xbf\xbd", 3);
		else
			appendBinaryStringInfo(&valid, bytes.data + i, n);
		i += n == 0 ? 1 : n;
	}
	if (ascii_server || GetDatabaseEncoding() == PG_UTF8)
		appendBinaryStringInfo(out, valid.data, valid.len);
	else
		append_converted(out, valid.data, valid.len);
	pfree(valid.data);
}

text *
core_text(PpBytes bytes)
{
	StringInfoData out;
	text *result;

	if (is_plain_ascii(bytes))
		return cstring_to_text_with_len(bytes.data, (int) bytes.len);
	initStringInfo(&out);
	append_bytes(&out, bytes);
	result = cstring_to_text_with_len(out.data, out.len);
	pfree(out.data);
	return result;
}

PpBytes
core_bytes(const text *value)
{
	int len = VARSIZE_ANY_EXHDR(value);
	char *copy = pnstrdup(VARDATA_ANY(value), len);
	char *utf8 = pg_server_to_any(copy, len, PG_UTF8);
	PpBytes bytes;

	bytes.data = utf8;
	bytes.len = utf8 == copy ? (uint32_t) len : (uint32_t) strlen(utf8);
	return bytes;
}

/* ---- label sets ---- */

static void
raise_bad_labels(const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("labels must be a JSON object whose values are strings"),
			errdetail("%s", what));
}

/* A JSON string, which is in the server's encoding, as UTF-8 in the arena. */
static PpBytes
label_bytes(const JsonbValue *value, PpArena *arena)
{
	char *utf8 = pg_server_to_any(value->val.string.val, value->val.string.len, PG_UTF8);
	PpBytes bytes;

	bytes.len =
		utf8 == value->val.string.val ? (uint32_t) value->val.string.len : (uint32_t) strlen(utf8);
	bytes.data = pp_arena_copy(arena, utf8, bytes.len);
	if (bytes.data == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return bytes;
}

void
core_labels_from_jsonb(Jsonb *jsonb, PpArena *arena, PpLabelSet *labels)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(jsonb))
		raise_bad_labels("The value is not an object.");
	labels->n = 0;
	labels->pairs = pp_arena_array(arena, JB_ROOT_COUNT(jsonb), sizeof(PpLabelPair));
	if (labels->pairs == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	iterator = JsonbIteratorInit(&jsonb->root);
	/* skipNested: a nested container comes as one value, which is refused below */
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			labels->pairs[labels->n].name = label_bytes(&value, arena);
		else if (token == WJB_VALUE)
		{
			if (value.type != jbvString)
				raise_bad_labels("A value is not a string.");
			labels->pairs[labels->n++].value = label_bytes(&value, arena);
		}
	}
	pp_labels_normalize(labels);
}

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, PpBytes bytes)
{
	StringInfoData out;
	JsonbValue value;

	initStringInfo(&out);
	append_bytes(&out, bytes);
	value.type = jbvString;
	value.val.string.val = out.data;
	value.val.string.len = out.len;
	pushJsonbValue(state, token, &value);
}

Jsonb *
core_labels_to_jsonb(const PpLabelSet *labels)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (uint32_t i = 0; i < labels->n; i++)
	{
		push_text(&state, WJB_KEY, labels->pairs[i].name);
		push_text(&state, WJB_VALUE, labels->pairs[i].value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
