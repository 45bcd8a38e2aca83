/* SPDX-License-Identifier: Apache-2.0 */
#include "varlink_internal.h"

#include <mailmig/text.h>
#include <string.h>

static const char service_description[] =
	"# The interface every Varlink service has.\n"
	"interface org.varlink.service\n"
	"\n"
	"# Who serves here, and which interfaces.\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"\n"
	"# The text of an interface.\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"# The interface is not served here.\n"
	"error InterfaceNotFound (interface: string)\n"
	"\n"
	"# The interface has no such method.\n"
	"error MethodNotFound (method: string)\n"
	"\n"
	"# The method is in the interface, but not built yet.\n"
	"error MethodNotImplemented (method: string)\n"
	"\n"
	"# The parameter is missing, unknown or of another type.\n"
	"error InvalidParameter (parameter: string)\n";

static void get_info(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const struct varlink_info *info = userdata;

	varlink_call_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor",
					   info->vendor, "product", info->product, "version",
					   info->version, "url", info->url, "interfaces",
					   VARLINK_SERVICE_INTERFACE, info->interface->name));
}

static void get_interface_description(struct varlink_call *call, const json_t *parameters,
				      void *userdata)
{
	const struct varlink_info *info = userdata;
	const char *name = json_string_value(json_object_get(parameters, "interface"));
	const char *text = NULL;

	if (strcmp(name, VARLINK_SERVICE_INTERFACE) == 0)
		text = service_description;
	else if (strcmp(name, info->interface->name) == 0)
		text = info->interface->description;

	if (text)
		varlink_call_reply(call, json_pack("{s:s}", "description", text));
	else
		varlink_call_error(call, VARLINK_ERROR_INTERFACE_NOT_FOUND,
				   json_pack("{s:s}", "interface", name));
}

static const struct varlink_param no_params[] = {{0}};
static const struct varlink_param interface_param[] = {{"interface", VARLINK_STRING, false},
						       {0}};
static const struct varlink_method service_methods[] = {
	{"GetInfo", no_params, get_info},
	{"GetInterfaceDescription", interface_param, get_interface_description},
	{0},
};
static const struct varlink_interface service_interface = {
	.name = VARLINK_SERVICE_INTERFACE,
	.description = service_description,
	.methods = service_methods,
};

static bool type_fits(enum varlink_type type, const json_t *v)
{
	switch (type) {
	case VARLINK_BOOL:
		return json_is_boolean(v);
	case VARLINK_INT:
		return json_is_integer(v);
	case VARLINK_STRING:
		return json_is_string(v);
	case VARLINK_STRINGS:
		if (!json_is_array(v))
			return false;
		for (size_t i = 0; i < json_array_size(v); i++)
			if (!json_is_string(json_array_get(v, i)))
				return false;
		return true;
	}
	return false;
}

static const struct varlink_param *find_param(const struct varlink_param *params,
					      const char *name)
{
	for (; params->name; params++)
		if (strcmp(params->name, name) == 0)
			return params;
	return NULL;
}

bool dispatch_check_parameters(const struct varlink_param *params, const json_t *parameters,
			       const char **ret_name)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)parameters, name, value)
	{
		const struct varlink_param *p = find_param(params, name);

		if (!p || (!json_is_null(value) && !type_fits(p->type, value))) {
			*ret_name = name;
			return false;
		}
	}

	for (; params->name; params++) {
		value = json_object_get(parameters, params->name);
		if (!params->optional && (!value || json_is_null(value))) {
			*ret_name = params->name;
			return false;
		}
	}
	return true;
}

static const struct varlink_method *find_method(const struct varlink_interface *i,
						const char *name)
{
	for (const struct varlink_method *m = i->methods; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* The error of a method that cannot be called, or the call itself. */
static void call_method(struct varlink_conn *c, const struct varlink_interface *i,
			const char *full_name, const char *method_name,
			const json_t *parameters)
{
	const struct varlink_info *info = c->server->info;
	const struct varlink_method *m = find_method(i, method_name);
	void *userdata = i == &service_interface ? (void *)info : info->userdata;
	const char *bad = NULL;

	if (!m) {
		varlink_call_error(&c->call, VARLINK_ERROR_METHOD_NOT_FOUND,
				   json_pack("{s:s}", "method", full_name));
		return;
	}
	if (i->permit && !i->permit(&c->call, userdata))
		return;
	if (!m->handle) {
		varlink_call_error(&c->call, VARLINK_ERROR_METHOD_NOT_IMPLEMENTED,
				   json_pack("{s:s}", "method", full_name));
		return;
	}
	if (!dispatch_check_parameters(m->params, parameters, &bad)) {
		varlink_call_invalid_parameter(&c->call, bad);
		return;
	}
	m->handle(&c->call, parameters, userdata);
}

/* The member that makes the request none, or NULL. */
static const char *malformed_member(const json_t *request)
{
	static const char *const flags[] = {"more", "oneway", "upgrade"};
	const json_t *parameters = json_object_get(request, "parameters");

	if (!json_is_string(json_object_get(request, "method")))
		return "method";
	if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
		return "parameters";
	for (size_t i = 0; i < ELEMENTS(flags); i++) {
		const json_t *v = json_object_get(request, flags[i]);

		if (v && !json_is_boolean(v) && !json_is_null(v))
			return flags[i];
	}
	return NULL;
}

int dispatch_request(struct varlink_conn *c, const json_t *request)
{
	const char *full_name = json_string_value(json_object_get(request, "method"));
	const char *malformed = malformed_member(request), *dot;
	_cleanup_(json_decrefp) json_t *parameters = NULL;
	_cleanup_(freep) char *interface = NULL;

	c->call = (struct varlink_call){
		.conn = c,
		.open = true,
		.more = json_is_true(json_object_get(request, "more")),
		.oneway = json_is_true(json_object_get(request, "oneway")),
	};
	if (malformed) {
		varlink_call_invalid_parameter(&c->call, malformed);
		return -EBADMSG;
	}
	if (json_is_true(json_object_get(request, "upgrade"))) {
		varlink_call_invalid_parameter(&c->call, "upgrade");
		return 0;
	}

	parameters = json_incref(json_object_get(request, "parameters"));
	if (!json_is_object(parameters)) {
		json_decref(parameters);
		parameters = json_object();
	}

	dot = strrchr(full_name, '.');
	interface = text_dupn(full_name, dot ? (size_t)(dot - full_name) : 0);
	if (!parameters || !interface) {
		c->bad_output = true;
		return 0;
	}

	if (dot && strcmp(interface, VARLINK_SERVICE_INTERFACE) == 0)
		call_method(c, &service_interface, full_name, dot + 1, parameters);
	else if (dot && strcmp(interface, c->server->info->interface->name) == 0)
		call_method(c, c->server->info->interface, full_name, dot + 1, parameters);
	else
		varlink_call_error(&c->call, VARLINK_ERROR_INTERFACE_NOT_FOUND,
				   json_pack("{s:s}", "interface", interface));
	return 0;
}
