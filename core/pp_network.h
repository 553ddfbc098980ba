/*
 * pp_network.h
 *		Lists of networks, and whether an address is in one of them.
 *
 * Addresses are the 16 bytes of IPv6; those of IPv4 are taken in their mapped
 * form (::ffff:a.b.c.d), so that both spellings of one are the same.
 */
#ifndef PP_NETWORK_H
#define PP_NETWORK_H

#include "core/pp_error.h"

#include <stdbool.h>
#include <stdint.h>

#define PP_ADDRESS_LEN	16
#define PP_MAX_NETWORKS 64

typedef struct PpNetwork
{
	uint8_t address[PP_ADDRESS_LEN];
	unsigned bits; /* of address that count, 0 to 128 */
} PpNetwork;

typedef struct PpNetworks
{
	unsigned n;
	PpNetwork list[PP_MAX_NETWORKS];
} PpNetworks;

/* "10.0.0.0/8, fe80::/10, 192.0.2.1": commas or blanks between; PP_EINVALID or PP_ELIMIT. */
extern PpCode pp_networks_parse(const char *text, PpNetworks *out, PpError *err);

extern bool pp_networks_contain(const PpNetworks *networks, const uint8_t *address);

/* An address of IPv4, four bytes, as one of IPv6. */
extern void pp_address_of_v4(const uint8_t *v4, uint8_t *address);

#endif
