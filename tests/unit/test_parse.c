/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/parse.h>

struct row {
	const char *in;
	int r;
	uint64_t value;
};

#define SEC UINT64_C(1000000)

static void test_u64(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"007", 0, 7},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18446744073709551620", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"184467440737095516150", -ERANGE, 0},
		{"99999999999999999999x", -EBADMSG, 0},
		{"", -EBADMSG, 0},
		{"-1", -EBADMSG, 0},
		{"+1", -EBADMSG, 0},
		{" 1", -EBADMSG, 0},
		{"1 ", -EBADMSG, 0},
		{"1\n", -EBADMSG, 0},
		{"0x10", -EBADMSG, 0},
		{"1.0", -EBADMSG, 0},
		{"1e3", -EBADMSG, 0},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint64_t v = 12345;

		assert_int_equal(parse_u64(rows[i].in, strlen(rows[i].in), &v), rows[i].r);
		assert_true(v == (rows[i].r ? 12345 : rows[i].value));
	}
}

static void test_u32(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"4294967295", 0, UINT32_MAX},
		{"4294967296", -ERANGE, 0},
		{"18446744073709551617", -ERANGE, 0},
		{"", -EBADMSG, 0},
		{"1a", -EBADMSG, 0},
	};
	uint32_t v;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		v = 12345;
		assert_int_equal(parse_u32(rows[i].in, strlen(rows[i].in), &v), rows[i].r);
		assert_true(v == (rows[i].r ? 12345 : rows[i].value));
	}

	/* The length decides, not the octet behind it; a NUL inside is not a digit. */
	assert_int_equal(parse_u32("129", 2, &v), 0);
	assert_int_equal(v, 12);
	assert_int_equal(parse_u32("1\0", 2, &v), -EBADMSG);
}

static void test_size(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"512", 0, 512},
		{"512B", 0, 512},
		{"1K", 0, 1024},
		{"64KiB", 0, 65536},
		{"10 MB", 0, 10000000},
		{"35MiB", 0, 35 << 20},
		{"1kB", 0, 1000},
		{"1G", 0, 1 << 30},
		{"1GiB", 0, 1 << 30},
		{"2GB", 0, 2000000000},
		{"3T", 0, UINT64_C(3) << 40},
		{"1TiB", 0, UINT64_C(1) << 40},
		{"1TB", 0, UINT64_C(1000000000000)},
		{"16777215T", 0, UINT64_C(16777215) << 40},
		{"16777216T", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"", -EBADMSG, 0},
		{" ", -EBADMSG, 0},
		{"K", -EBADMSG, 0},
		{" 1K", -EBADMSG, 0},
		{"1K ", -EBADMSG, 0},
		{"1 ", -EBADMSG, 0},
		{"1k", -EBADMSG, 0},
		{"1KB", -EBADMSG, 0},
		{"1mb", -EBADMSG, 0},
		{"1Mi", -EBADMSG, 0},
		{"1.5G", -EBADMSG, 0},
		{"-1", -EBADMSG, 0},
		{"1G1M", -EBADMSG, 0},
		{"99999999999999999999 apples", -EBADMSG, 0},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint64_t v = 12345;

		assert_int_equal(parse_size(rows[i].in, &v), rows[i].r);
		assert_true(v == (rows[i].r ? 12345 : rows[i].value));
	}
}

static void test_rate(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"500", 0, 500},
		{"2MiB/s", 0, 2 << 20},
		{"10 kB/s", 0, 10000},
		{"64K", 0, 64 << 10},
		{"", -EBADMSG, 0},
		{"/s", -EBADMSG, 0},
		{"2MiB/h", -EBADMSG, 0},
		{"2MiB /s", -EBADMSG, 0},
		{"2MiB/s/s", -EBADMSG, 0},
		{"1111111111111111111111111111111111111111111111111111111111111111111111/s",
		 -EBADMSG, 0},
		{"18446744073709551616/s", -ERANGE, 0},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint64_t v = 12345;

		assert_int_equal(parse_rate(rows[i].in, &v), rows[i].r);
		assert_true(v == (rows[i].r ? 12345 : rows[i].value));
	}
}

static void test_span(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"90", 0, 90 * SEC},
		{"2min", 0, 120 * SEC},
		{"1h 30min", 0, 5400 * SEC},
		{"1h30min", 0, 5400 * SEC},
		{"7d", 0, 7 * 86400 * SEC},
		{"2 weeks", 0, 14 * 86400 * SEC},
		{"5us", 0, 5},
		{"5usec", 0, 5},
		{"5ms", 0, 5000},
		{"5msec", 0, 5000},
		{"1s", 0, SEC},
		{"1sec", 0, SEC},
		{"1second", 0, SEC},
		{"2 seconds", 0, 2 * SEC},
		{"1m", 0, 60 * SEC},
		{"1minute", 0, 60 * SEC},
		{"3 minutes", 0, 180 * SEC},
		{"1h", 0, 3600 * SEC},
		{"1hr", 0, 3600 * SEC},
		{"1hour", 0, 3600 * SEC},
		{"2hours", 0, 7200 * SEC},
		{"1day", 0, 86400 * SEC},
		{"2days", 0, 2 * 86400 * SEC},
		{"1w", 0, 7 * 86400 * SEC},
		{"1week", 0, 7 * 86400 * SEC},
		{"1M", 0, 2629800 * SEC},
		{"1month", 0, 2629800 * SEC},
		{"2months", 0, 2 * 2629800 * SEC},
		{"1y", 0, 31557600 * SEC},
		{"1year", 0, 31557600 * SEC},
		{"5y", 0, 5 * 31557600 * SEC},
		{"5years", 0, 5 * 31557600 * SEC},
		{"1h 30", 0, 3630 * SEC},
		{"1.5h", 0, 5400 * SEC},
		{"0.5", 0, SEC / 2},
		{"0.25s", 0, SEC / 4},
		{"0.0000001s", 0, 0},
		{"1d 1h\t1min 1s 1ms 1us", 0, 90061 * SEC + 1001},
		{"584542y", 0, UINT64_C(584542) * 31557600 * SEC},
		{"584600y", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"584542y 584542y", -ERANGE, 0},
		{"18446744073709551615us 1us", -ERANGE, 0},
		{"18446744073709551615.5us 1s", -ERANGE, 0},
		{"", -EBADMSG, 0},
		{" ", -EBADMSG, 0},
		{" 1s", -EBADMSG, 0},
		{"1s ", -EBADMSG, 0},
		{"s", -EBADMSG, 0},
		{"1 fortnight", -EBADMSG, 0},
		{"1S", -EBADMSG, 0},
		{"1H", -EBADMSG, 0},
		{"-1s", -EBADMSG, 0},
		{"1.s", -EBADMSG, 0},
		{".5s", -EBADMSG, 0},
		{"1.5.5s", -EBADMSG, 0},
		{"1s, 2s", -EBADMSG, 0},
		{"99999999999999999999s 1 apple", -EBADMSG, 0},
		{"hourly", -EBADMSG, 0},
		{"Mon..Fri 22:00", -EBADMSG, 0},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint64_t v = 12345;

		assert_int_equal(parse_span(rows[i].in, &v), rows[i].r);
		assert_true(v == (rows[i].r ? 12345 : rows[i].value));
	}
}

struct words {
	uint64_t value;
	const char *out;
};

static void test_format_size(void **state)
{
	static const struct words rows[] = {
		{0, "0 B"},
		{317, "317 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1536, "1.5 KiB"},
		{1048575, "1.0 MiB"},
		{1258291, "1.2 MiB"},
		{UINT64_C(1) << 30, "1.0 GiB"},
		{UINT64_C(3) << 40, "3.0 TiB"},
		{UINT64_C(5) << 50, "5.0 PiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char buf[32];

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_string_equal(format_size(buf, sizeof(buf), rows[i].value), rows[i].out);
}

static void test_format_span(void **state)
{
	static const struct words rows[] = {
		{0, "0 s"},
		{999, "999 us"},
		{1000, "1 ms"},
		{850000, "850 ms"},
		{1234567, "1.2 s"},
		{9999999, "9.9 s"},
		{10 * SEC, "10 s"},
		{59 * SEC + 999999, "59 s"},
		{60 * SEC, "1 min"},
		{192 * SEC, "3 min 12 s"},
		{3600 * SEC, "1 h"},
		{3660 * SEC + SEC, "1 h 1 min"},
		{3601 * SEC, "1 h"},
		{90000 * SEC, "1 d 1 h"},
		{400 * UINT64_C(86400) * SEC, "400 d"},
		{USEC_INFINITY - 1, "213503982 d 8 h"},
		{USEC_INFINITY, "forever"},
	};
	char buf[32];

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_string_equal(format_span(buf, sizeof(buf), rows[i].value), rows[i].out);
}

static void test_format_hex(void **state)
{
	char out[9] = "xxxxxxxx";

	format_hex("", 0, out);
	assert_string_equal(out, "");
	format_hex("\x00\x7f\x80\xff", 4, out);
	assert_string_equal(out, "007f80ff");
}

static void test_hex(void **state)
{
	static const char *const bad[] = {"0", "0g", "A0", "0A", " 0", "x0"};
	unsigned char out[3] = {0};
	char text[7];

	assert_int_equal(parse_hex("00ff7a", 3, out), 0);
	assert_memory_equal(out, "\0\xffz", 3);
	format_hex(out, 3, text);
	assert_string_equal(text, "00ff7a");
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_int_equal(parse_hex(bad[i], 1, out), -EBADMSG);
	assert_int_equal(parse_hex("", 0, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),         cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u32),         cmocka_unit_test(test_size),
		cmocka_unit_test(test_rate),        cmocka_unit_test(test_span),
		cmocka_unit_test(test_format_size), cmocka_unit_test(test_format_span),
		cmocka_unit_test(test_format_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
