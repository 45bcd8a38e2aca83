/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_BUDGET_H
#define IMAP_BUDGET_H

#include <mailmig/base.h>

/* How much a server may send and how long it may take before it comes to an end with a command.
 * Silence is the stream's affair; this is for a server that goes on and on: floods of data that
 * nobody asked for, lines and bodies of which an octet comes now and then, answers put off for
 * ever, and a server that takes our octets as slowly. Pure: counts and spans in, a verdict out.
 *
 * Everything is counted since the last answer to a command of ours (or consent to a literal),
 * of which there are no more than commands. Octets of bodies that were asked for are not
 * counted: their framing bounds them. Time is a debt: it grows while this server is waited for;
 * octets of wanted bodies and of ours pay what they take at the lowest bearable rate, a message
 * or folder that was asked for pays a second, and nothing is paid in advance. Lines that say
 * nothing ("* OK Still here") keep the stream from its time-out, but not a command for ever. */

/* Responses to one command: other clients may well change every message of a folder meanwhile.
 * HELD counts what there is: messages of the folder, folders of the list. */
#define IMAP_RESPONSES_BASE 10000
#define IMAP_RESPONSES_HELD 4
/* Their octets: most are far below 1 KiB, a folder's name or a list of UIDs may be long. */
#define IMAP_OCTETS_BASE (UINT64_C(32) << 20)
#define IMAP_OCTETS_HELD (16 * 1024)
/* Times the server's time-out (20 minutes, if that is two): for a whole command, and for a
 * response that has begun. */
#define IMAP_COMMAND_WAITS  10
#define IMAP_RESPONSE_WAITS 3
/* Octets a second. Slower connections were out of use before TLS was in use. */
#define IMAP_RATE_MIN 1024

enum imap_verdict {
	IMAP_GO_ON,
	IMAP_TOO_MUCH,
	IMAP_TOO_SLOW,
};

struct imap_budget {
	uint64_t timeout_usec; /* the server's */
	uint64_t held;         /* set by whoever learns it */

	/* since the last answer */
	uint64_t responses;
	uint64_t octets;
	uint64_t debt_usec;
	uint64_t response_debt_usec; /* of the one that is arriving */
};

/* An answer came, or the consent that was waited for. */
void imap_budget_answered(struct imap_budget *b);
/* One message or folder that was asked for. */
void imap_budget_told(struct imap_budget *b);
/* A response is complete: its octets without a body. */
enum imap_verdict imap_budget_response(struct imap_budget *b, uint64_t octets);
/* A part of a body. */
enum imap_verdict imap_budget_body(struct imap_budget *b, uint64_t octets, bool wanted);
/* The server was waited for; it took so many octets of ours meanwhile. midway: a response has
 * begun. */
enum imap_verdict imap_budget_waited(struct imap_budget *b, uint64_t span_usec,
				     uint64_t octets_sent, bool midway);

#endif
