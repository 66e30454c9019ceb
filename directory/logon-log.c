#include "directory/logon-log.h"

void
ims_logon_log(ImsLog *log, guint64 session, const char *protocol, const char *name,
              const ImsAddress *client, const ImsLogonResult *result, const char *refused)
{
    char address[IMS_ADDRESS_STRLEN];
    gboolean ok = result->status == IMS_LOGON_OK && refused == NULL;

    ims_log_event(log, session, "logon", "protocol", protocol, "result", ok ? "ok" : "failed",
                  "name", name, "account", result->account, "client",
                  ims_address_format(client, address), "mailbox", result->alias, "detail",
                  refused != NULL ? refused : result->detail, NULL);
}

void
ims_logon_log_clear_text(ImsLog *log, guint64 session, const char *protocol, const char *name,
                         const ImsAddress *client)
{
    const ImsLogonResult result = {.status = IMS_LOGON_BAD};

    ims_logon_log(log, session, protocol, name, client, &result, "clear-text");
}
