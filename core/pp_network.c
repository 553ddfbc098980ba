/*
 * pp_network.c
 *		Lists of networks, and whether an address is in one of them.
 */
#include "core/pp_network.h"

#include <arpa/inet.h>
#include <string.h>

#define SEPARATORS	", \t\r\n"
#define LONGEST		64 /* bytes of one network as text */
#define MAPPED_BITS 96

void
pp_address_of_v4(const uint8_t *v4, uint8_t *address)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, v4, 4);
}

/* Decimal digits alone, at most `most`. */
static bool
parse_bits(const char *text, unsigned most, unsigned *bits)
{
	*bits = 0;
	if (*text == '\0' || strlen(text) > 3)
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9')
			return false;
		*bits = *bits * 10 + (unsigned) (*text - '0');
	}
	return *bits <= most;
}

static bool
parse_network(char *text, PpNetwork *out)
{
	char *slash = strchr(text, '/');
	uint8_t v4[4];

	if (slash != NULL)
		*slash++ = '\0';
	out->bits = 8 * PP_ADDRESS_LEN;
	if (inet_pton(AF_INET, text, v4) == 1)
	{
		pp_address_of_v4(v4, out->address);
		if (slash == NULL)
			return true;
		if (!parse_bits(slash, 32, &out->bits))
			return false;
		out->bits += MAPPED_BITS;
		return true;
	}
	return inet_pton(AF_INET6, text, out->address) == 1 &&
		   (slash == NULL || parse_bits(slash, 8 * PP_ADDRESS_LEN, &out->bits));
}

PpCode
pp_networks_parse(const char *text, PpNetworks *out, PpError *err)
{
	out->n = 0;
	for (;;)
	{
		char one[LONGEST];
		size_t len;

		text += strspn(text, SEPARATORS);
		len = strcspn(text, SEPARATORS);
		if (len == 0)
			return PP_OK;
		if (out->n == PP_MAX_NETWORKS)
			return pp_fail_limit(err,
								 PP_NO_OFFSET,
								 NULL,
								 PP_MAX_NETWORKS,
								 "more than %d networks",
								 PP_MAX_NETWORKS);
		if (len >= sizeof(one))
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "\"%.*s...\" is no network", LONGEST, text);
		memcpy(one, text, len);
		one[len] = '\0';
		if (!parse_network(one, &out->list[out->n]))
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "\"%.*s\" is no network", (int) len, text);
		out->n++;
		text += len;
	}
}

static bool
is_in(const PpNetwork *network, const uint8_t *address)
{
	unsigned bytes = network->bits / 8, rest = network->bits % 8;

	if (memcmp(network->address, address, bytes) != 0)
		return false;
	return rest == 0 || ((network->address[bytes] ^ address[bytes]) >> (8 - rest)) == 0;
}

bool
pp_networks_contain(const PpNetworks *networks, const uint8_t *address)
{
	for (unsigned i = 0; i < networks->n; i++)
		if (is_in(&networks->list[i], address))
			return true;
	return false;
}
