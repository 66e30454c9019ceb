#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/real-private.h"
#include "net/resolver-answer.h"

#define DEFAULT_TIMEOUT_MSEC 2000u
#define DEFAULT_TRIES 3u

struct _ImsResolver {
    GThread *thread;
    ares_channel channel; /* the thread's own once it runs */
    int event_fd;
    pthread_mutex_t lock; /* guards asked and ending */
    GQueue asked;         /* (element-type Question) */
    gboolean ending;
};

typedef struct {
    ImsLookupKind kind;
    ImsAddress address; /* PTR */
    char *name;         /* as it is asked */
    ImsResolverCallback callback;
    gpointer data;
} Question;

static void
finish(Question *question, ImsLookupResult *result)
{
    question->callback(result, question->data);
    g_free(question->name);
    g_free(question);
}

static void
answered(void *data, int status, int timeouts, unsigned char *bytes, int length)
{
    Question *question = data;

    finish(question,
           ims_resolver_answer(question->kind, &question->address, status, bytes, length));
}

static int
record_type(ImsLookupKind kind)
{
    switch (kind) {
    case IMS_LOOKUP_A:
        return 1;
    case IMS_LOOKUP_AAAA:
        return 28;
    case IMS_LOOKUP_MX:
        return 15;
    case IMS_LOOKUP_PTR:
        return 12;
    }
    g_assert_not_reached();
}

/* RFC 1035 3.5, RFC 3596 2.5 */
static char *
reverse_name(const ImsAddress *address)
{
    GString *name = g_string_new(NULL);

    if (address->family == 4) {
        const guint8 *b = address->bytes;

        g_string_printf(name, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
    } else {
        for (int i = 15; i >= 0; i--)
            g_string_append_printf(name, "%x.%x.", address->bytes[i] & 15, address->bytes[i] >> 4);
        g_string_append(name, "ip6.arpa");
    }
    return g_string_free(name, FALSE);
}

/* ---- the thread ---- */

/* Gives what was asked to c-ares. FALSE: the end. */
static gboolean
take_questions(ImsResolver *resolver)
{
    GQueue asked;
    gboolean ending;
    guint64 count;
    Question *question;

    while (read(resolver->event_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&resolver->lock);
    asked = resolver->asked;
    g_queue_init(&resolver->asked);
    ending = resolver->ending;
    pthread_mutex_unlock(&resolver->lock);
    while ((question = g_queue_pop_head(&asked)) != NULL)
        ares_query(resolver->channel, question->name, 1 /* IN */, record_type(question->kind),
                   answered, question);
    return !ending;
}

static guint
fill_poll(ImsResolver *resolver, struct pollfd *fds)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    guint bits = (guint)ares_getsock(resolver->channel, sockets, ARES_GETSOCK_MAXNUM);
    guint n = 0;

    fds[n++] = (struct pollfd){.fd = resolver->event_fd, .events = POLLIN};
    for (guint i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events = 0;

        /* The macros of c-ares shift a signed 1 into the sign. */
        if (bits >> i & 1)
            events |= POLLIN;
        if (bits >> (i + ARES_GETSOCK_MAXNUM) & 1)
            events |= POLLOUT;
        if (events != 0)
            fds[n++] = (struct pollfd){.fd = sockets[i], .events = events};
    }
    return n;
}

static gpointer
run_thread(gpointer data)
{
    ImsResolver *resolver = data;

    while (take_questions(resolver)) {
        struct pollfd fds[1 + ARES_GETSOCK_MAXNUM];
        guint n = fill_poll(resolver, fds);
        struct timeval wait, *until = ares_timeout(resolver->channel, NULL, &wait);
        int wait_msec =
            until != NULL ? (int)(wait.tv_sec * 1000 + (wait.tv_usec + 999) / 1000) : -1;

        if (poll(fds, n, wait_msec) < 0)
            continue;
        for (guint i = 1; i < n; i++)
            if (fds[i].revents != 0)
                ares_process_fd(resolver->channel,
                                fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
                                fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
        ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* time-outs */
    }
    return NULL;
}

/* ---- life ---- */

static gboolean
open_channel(ImsResolver *resolver, const ImsRealWorldOptions *options, GError **error)
{
    struct ares_options settings = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
        .timeout =
            (int)(options->dns_timeout_msec > 0 ? options->dns_timeout_msec : DEFAULT_TIMEOUT_MSEC),
        .tries = (int)(options->dns_tries > 0 ? options->dns_tries : DEFAULT_TRIES),
        .lookups = (char *)"b", /* DNS alone, no file of hosts */
    };
    int status = ares_library_init(ARES_LIB_INIT_ALL);

    if (status == ARES_SUCCESS)
        status = ares_init_options(&resolver->channel, &settings,
                                   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                       ARES_OPT_LOOKUPS);
    if (status != ARES_SUCCESS) {
        resolver->channel = NULL;
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_START,
                    "the resolver does not start: %s", ares_strerror(status));
        return FALSE;
    }
    if (options->dns_servers == NULL)
        return TRUE;
    status = ares_set_servers_ports_csv(resolver->channel, options->dns_servers);
    if (status != ARES_SUCCESS) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_START,
                    "DNS servers \"%s\": %s; expected: address[:port], separated by commas",
                    options->dns_servers, ares_strerror(status));
        return FALSE;
    }
    return TRUE;
}

ImsResolver *
ims_resolver_new(const ImsRealWorldOptions *options, GError **error)
{
    ImsResolver *resolver = g_new0(ImsResolver, 1);

    pthread_mutex_init(&resolver->lock, NULL);
    g_queue_init(&resolver->asked);
    resolver->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (resolver->event_fd < 0)
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_START,
                    "no descriptor for the resolver: %s", g_strerror(errno));
    else if (open_channel(resolver, options, error))
        resolver->thread = g_thread_try_new("resolver", run_thread, resolver, error);
    if (resolver->thread == NULL) {
        ims_resolver_free(resolver);
        return NULL;
    }
    return resolver;
}

static void
wake_thread(ImsResolver *resolver)
{
    guint64 one = 1;

    if (write(resolver->event_fd, &one, sizeof one) != sizeof one)
        g_assert(errno == EAGAIN); /* it is awake already */
}

void
ims_resolver_ask(ImsResolver *resolver, ImsLookupKind kind, const char *name,
                 ImsResolverCallback callback, gpointer data)
{
    Question *question = g_new0(Question, 1);

    question->kind = kind;
    question->callback = callback;
    question->data = data;
    if (kind == IMS_LOOKUP_PTR) {
        gboolean parsed = ims_address_parse(name, &question->address);

        g_assert(parsed);
        question->name = reverse_name(&question->address);
    } else {
        question->name = g_strdup(name);
    }
    pthread_mutex_lock(&resolver->lock);
    g_queue_push_tail(&resolver->asked, question);
    pthread_mutex_unlock(&resolver->lock);
    wake_thread(resolver);
}

void
ims_resolver_free(ImsResolver *resolver)
{
    if (resolver == NULL)
        return;
    if (resolver->thread != NULL) {
        pthread_mutex_lock(&resolver->lock);
        resolver->ending = TRUE;
        pthread_mutex_unlock(&resolver->lock);
        wake_thread(resolver);
        g_thread_join(resolver->thread);
    }
    if (resolver->channel != NULL)
        ares_destroy(resolver->channel); /* ends what is under way */
    ares_library_cleanup();
    if (resolver->event_fd >= 0)
        close(resolver->event_fd);
    pthread_mutex_destroy(&resolver->lock);
    g_free(resolver);
}
