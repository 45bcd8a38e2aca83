/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/jsonio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* jansson's scanner goes on without a character that it had no memory for. */
static _Thread_local bool lacked_memory;

static void *json_malloc(size_t n)
{
	void *p = malloc(n);

	lacked_memory = lacked_memory || !p;
	return p;
}

__attribute__((constructor)) static void watch_memory(void)
{
	json_set_alloc_funcs(json_malloc, free);
}

int jsonio_take(struct buf *in, json_t **ret)
{
	const char *end = in->len > 0 ? memchr(in->p, '\0', in->len) : NULL;
	size_t n = end ? (size_t)(end - in->p) : in->len;
	json_error_t error;
	json_t *o;

	if (n > JSONIO_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!end)
		return 0;

	lacked_memory = false;
	o = json_loadb(in->p, n, JSON_REJECT_DUPLICATES, &error);
	buf_consume(in, n + 1);
	if (lacked_memory || !json_is_object(o)) {
		json_decref(o);
		return lacked_memory ? -ENOMEM : -EBADMSG;
	}

	*ret = o;
	return 1;
}

struct dump {
	struct buf *out;
	int result; /* jansson goes on after a key that did not fit */
};

static int add_text(const char *p, size_t n, void *userdata)
{
	struct dump *d = userdata;

	if (d->result == 0)
		d->result = buf_add(d->out, p, n);
	return d->result;
}

static int dump(const json_t *value, struct buf *out)
{
	struct dump d = {.out = out};

	if (json_dump_callback(value, add_text, &d, JSON_COMPACT) < 0 || d.result < 0)
		return -ENOMEM;
	return 0;
}

char *jsonio_text(const json_t *value)
{
	_cleanup_(buf_done) struct buf out = {0};

	return dump(value, &out) == 0 ? buf_take(&out) : NULL;
}

int jsonio_put(struct buf *out, const json_t *object)
{
	size_t before = out->len;

	if (dump(object, out) < 0 || buf_addc(out, '\0') < 0) {
		out->len = before;
		if (out->p)
			out->p[before] = '\0';
		return -ENOMEM;
	}
	return 0;
}

/* Write once; a socket whose peer is gone gives -EPIPE, not a signal. Other descriptors are for
 * tests and tools. */
static ssize_t write_some(int fd, const char *p, size_t n)
{
	ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

	return k < 0 && errno == ENOTSOCK ? write(fd, p, n) : k;
}

int jsonio_write(int fd, const json_t *object)
{
	_cleanup_(buf_done) struct buf out = {.secret = true}; /* a job may carry a password */
	size_t done = 0;
	int r;

	r = jsonio_put(&out, object);
	if (r < 0)
		return r;

	while (done < out.len) {
		ssize_t k = write_some(fd, out.p + done, out.len - done);

		if (k >= 0) {
			done += (size_t)k;
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			(void)poll(&p, 1, -1); /* an error shows at the next write */
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}
