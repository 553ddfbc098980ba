/*
 * test_pp_network.c
 *		Lists of networks: what is one, and what is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "core/pp_network.h"

static void
check_membership(void **state)
{
	static const struct
	{
		const char *networks, *address;
		bool contained;
	} cases[] = {
		{"", "127.0.0.1", false},
		{" , ", "::1", false},
		{"169.254.0.0/16, fe80::/10", "169.254.169.254", true},
		{"169.254.0.0/16, fe80::/10", "169.255.0.0", false},
		{"169.254.0.0/16 fe80::/10", "febf::1", true},
		{"169.254.0.0/16,fe80::/10", "fec0::1", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.2", false},
		/* the bits after the prefix do not matter */
		{"10.1.2.3/8", "10.9.9.9", true},
		{"10.0.0.0/9", "10.128.0.0", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "192.0.2.1", true},
		{"::1/128", "::1", true},
		/* one address, two spellings */
		{"127.0.0.0/8", "::ffff:127.0.0.1", true},
		{"::ffff:127.0.0.0/104", "127.1.2.3", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpNetworks networks;
		PpError err;
		uint8_t address[PP_ADDRESS_LEN], v4[4];

		if (inet_pton(AF_INET, cases[i].address, v4) == 1)
			pp_address_of_v4(v4, address);
		else
			assert_int_equal(inet_pton(AF_INET6, cases[i].address, address), 1);
		assert_int_equal(pp_networks_parse(cases[i].networks, &networks, &err), PP_OK);
		assert_int_equal(pp_networks_contain(&networks, address), cases[i].contained);
	}
}

static void
check_refusals(void **state)
{
	static const char *const bad[] = {"localhost",
									  "10.0.0.0/33",
									  "10.0.0.0/",
									  "10.0.0.0/-1",
									  "10.0.0.0/8/8",
									  "10.0.0",
									  "fe80::/129",
									  "fe80::%eth0",
									  "10.0.0.0/8; fe80::/10"};
	char many[PP_MAX_NETWORKS * 8 + 9] = "", longest[200];
	PpNetworks networks;
	PpError err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pp_networks_parse(bad[i], &networks, &err), PP_EINVALID);
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(pp_networks_parse(longest, &networks, &err), PP_EINVALID);
	for (int i = 0; i < PP_MAX_NETWORKS; i++)
		strcat(many, "1.1.1.1 ");
	assert_int_equal(pp_networks_parse(many, &networks, &err), PP_OK);
	strcat(many, "1.1.1.1");
	assert_int_equal(pp_networks_parse(many, &networks, &err), PP_ELIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_membership),
		cmocka_unit_test(check_refusals),
	};

	return cmocka_run_group_tests_name("pp_network", tests, NULL, NULL);
}
