/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

#define TOLD_USEC USEC_PER_SEC

/* What so many octets take at the lowest rate. */
static uint64_t span_of(uint64_t octets)
{
	return octets / IMAP_RATE_MIN * USEC_PER_SEC +
	       octets % IMAP_RATE_MIN * USEC_PER_SEC / IMAP_RATE_MIN;
}

static void pay(uint64_t *debt, uint64_t span)
{
	*debt -= MIN_OF(*debt, span);
}

static enum imap_verdict count_octets(struct imap_budget *b, uint64_t octets)
{
	b->octets += octets;
	return b->octets > IMAP_OCTETS_BASE + IMAP_OCTETS_HELD * b->held ? IMAP_TOO_MUCH
									 : IMAP_GO_ON;
}

void imap_budget_answered(struct imap_budget *b)
{
	b->responses = b->octets = b->debt_usec = 0;
}

void imap_budget_told(struct imap_budget *b)
{
	pay(&b->debt_usec, TOLD_USEC);
}

enum imap_verdict imap_budget_response(struct imap_budget *b, uint64_t octets)
{
	b->response_debt_usec = 0;
	if (++b->responses > IMAP_RESPONSES_BASE + IMAP_RESPONSES_HELD * b->held)
		return IMAP_TOO_MUCH;
	return count_octets(b, octets);
}

enum imap_verdict imap_budget_body(struct imap_budget *b, uint64_t octets, bool wanted)
{
	if (!wanted)
		return count_octets(b, octets);
	pay(&b->debt_usec, span_of(octets));
	pay(&b->response_debt_usec, span_of(octets));
	return IMAP_GO_ON;
}

enum imap_verdict imap_budget_waited(struct imap_budget *b, uint64_t span_usec,
				     uint64_t octets_sent, bool midway)
{
	b->debt_usec += span_usec;
	b->response_debt_usec += midway ? span_usec : 0;
	pay(&b->debt_usec, span_of(octets_sent));
	pay(&b->response_debt_usec, span_of(octets_sent));
	return b->debt_usec > IMAP_COMMAND_WAITS * b->timeout_usec ||
			       b->response_debt_usec > IMAP_RESPONSE_WAITS * b->timeout_usec
		       ? IMAP_TOO_SLOW
		       : IMAP_GO_ON;
}
