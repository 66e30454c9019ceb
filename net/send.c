#include "net/send.h"

#include <string.h>

void
ims_send_recipient_free(ImsSendRecipient *recipient)
{
    if (recipient == NULL)
        return;
    g_free(recipient->address);
    g_free(recipient->orcpt);
    g_free(recipient->reply);
    g_free(recipient);
}

void
ims_send_message_free(ImsSendMessage *message)
{
    if (message == NULL)
        return;
    g_free(message->mail_from);
    g_free(message->envid);
    g_clear_pointer(&message->body, g_bytes_unref);
    if (message->recipients != NULL) {
        for (guint i = 0; i < message->recipients->len; i++)
            ims_send_recipient_free(g_steal_pointer(&message->recipients->pdata[i]));
        g_ptr_array_set_free_func(message->recipients, NULL);
        g_ptr_array_unref(message->recipients);
    }
    g_free(message);
}

void
ims_send_job_free(ImsSendJob *job)
{
    if (job == NULL)
        return;
    g_free(job->host);
    g_free(job->helo);
    g_free(job->auth_user);
    if (job->auth_password != NULL)
        explicit_bzero(job->auth_password, strlen(job->auth_password));
    g_free(job->auth_password);
    if (job->messages != NULL) {
        for (guint i = 0; i < job->messages->len; i++)
            ims_send_message_free(g_steal_pointer(&job->messages->pdata[i]));
        g_ptr_array_set_free_func(job->messages, NULL);
        g_ptr_array_unref(job->messages);
    }
    g_free(job);
}
