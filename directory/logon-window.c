#include "directory/logon-window.h"

#include <glib/gstdio.h>
#include <string.h>

#include "directory/logon-window-private.h"

#define DEFAULT_MAX_WINDOWS 10000
#define WRITE_AFTER_USEC G_USEC_PER_SEC

/* One address's window. It stays alive for its tokens after it was closed. */
typedef struct {
    ImsLogonWindow public; /* first: its address, the first member of that, is the key */
    guint references;      /* guarded by the lock: the table and each token */
    gboolean is_open;
} Window;

struct _ImsLogonToken {
    ImsLogonWindows *windows;
    Window *window;
};

struct _ImsLogonWindows {
    gatomicrefcount references; /* the owner, and each write on its way */
    ImsWorld *world;
    ImsLog *log;
    gboolean enabled;
    gint64 length_usec;
    guint max_recipients, max_windows;
    const ImsNetList *except;
    ImsWindowFile *file; /* (nullable) */
    GString *kept;       /* (nullable) */

    GMutex lock;        /* guards what follows */
    GHashTable *table;  /* ImsAddress → Window */
    guint64 serial;     /* rises with each change */
    gboolean scheduled; /* a write will come that sees all changes until now */

    gboolean freed;  /* main only */
    ImsTimer *timer; /* main only */
};

static void
windows_unref(ImsLogonWindows *windows)
{
    if (!g_atomic_ref_count_dec(&windows->references))
        return;
    g_hash_table_unref(windows->table);
    g_mutex_clear(&windows->lock);
    ims_window_file_unref(windows->file);
    g_free(windows);
}

/* ---- writing ---- */

typedef struct {
    ImsLogonWindows *windows;
    GString *text;
    guint64 serial;
    GError *error;
} WriteJob;

/* With the lock held. */
static GString *
format_all(ImsLogonWindows *windows)
{
    GString *text = g_string_new(IMS_WINDOW_FILE_HEAD);
    GHashTableIter iter;
    gpointer window;

    g_hash_table_iter_init(&iter, windows->table);
    while (g_hash_table_iter_next(&iter, NULL, &window))
        ims_window_file_append(text, &((Window *)window)->public);
    return text;
}

static void
write_job(gpointer data)
{
    WriteJob *job = data;

    ims_window_file_write(job->windows->file, job->serial, job->text->str, job->text->len,
                          &job->error);
}

static void
write_done(gpointer data)
{
    WriteJob *job = data;

    if (job->error != NULL)
        ims_log_event(job->windows->log, 0, "window-file", "reason", job->error->message, "effect",
                      "windows kept in memory only, continuing", NULL);
    g_clear_error(&job->error);
    g_string_free(job->text, TRUE);
    windows_unref(job->windows);
    g_free(job);
}

/* Takes a reference of @windows over. */
static WriteJob *
make_job(ImsLogonWindows *windows)
{
    WriteJob *job = g_new0(WriteJob, 1);

    job->windows = windows;
    g_mutex_lock(&windows->lock);
    job->text = format_all(windows);
    job->serial = windows->serial;
    windows->scheduled = FALSE;
    g_mutex_unlock(&windows->lock);
    return job;
}

static void
write_due(gpointer data)
{
    ImsLogonWindows *windows = data;
    WriteJob *job = make_job(windows);

    windows->timer = NULL;
    if (!ims_world_run_in_pool(windows->world, write_job, write_done, job)) {
        write_job(job);
        write_done(job);
    }
}

static void
start_timer(gpointer data)
{
    ImsLogonWindows *windows = data;

    if (windows->freed)
        windows_unref(windows);
    else
        windows->timer = ims_world_timer_add(windows->world, WRITE_AFTER_USEC, write_due, windows);
}

/* With the lock held. */
static void
changed(ImsLogonWindows *windows)
{
    windows->serial++;
    if (windows->file == NULL || windows->scheduled)
        return;
    windows->scheduled = TRUE;
    g_atomic_ref_count_inc(&windows->references);
    ims_world_post(windows->world, ims_world_main(windows->world), start_timer, windows);
}

/* ---- the table; all with the lock held ---- */

static void
window_unref(Window *window)
{
    if (--window->references > 0)
        return;
    ims_logon_window_clear(&window->public);
    g_free(window);
}

static void
release_window(gpointer window)
{
    window_unref(window);
}

static void
close_window(ImsLogonWindows *windows, Window *window, const char *reason)
{
    char address[IMS_ADDRESS_STRLEN];

    ims_log_event(windows->log, 0, "window-closed", "address",
                  ims_address_format(&window->public.address, address), "account",
                  window->public.account, "reason", reason, NULL);
    window->is_open = FALSE;
    g_hash_table_remove(windows->table, &window->public.address);
    changed(windows);
}

/* The open window of @address; one whose time is over is closed on the way. */
static Window *
find(ImsLogonWindows *windows, const ImsAddress *address, gint64 now_usec)
{
    Window *window = g_hash_table_lookup(windows->table, address);

    if (window == NULL || window->public.sessions > 0)
        return window;
    if (window->public.expires_usec <= now_usec) {
        close_window(windows, window, "expired");
        return NULL;
    }
    /* The wall clock was set back: no window outlives its minutes for that. */
    window->public.expires_usec = MIN(window->public.expires_usec, now_usec + windows->length_usec);
    return window;
}

/* Room for one more: who would expire first goes first, expired or not. */
static void
make_room(ImsLogonWindows *windows)
{
    GHashTableIter iter;
    gpointer each;
    Window *first = NULL;

    if (g_hash_table_size(windows->table) < windows->max_windows)
        return;
    g_hash_table_iter_init(&iter, windows->table);
    while (g_hash_table_iter_next(&iter, NULL, &each)) {
        if (first == NULL || ((Window *)each)->public.expires_usec < first->public.expires_usec)
            first = each;
    }
    close_window(windows, first, "too many windows");
}

static Window *
add(ImsLogonWindows *windows, const ImsAddress *address, const char *account, const char *protocol)
{
    Window *window = g_new0(Window, 1);

    make_room(windows);
    window->references = 1;
    window->is_open = TRUE;
    window->public.address = *address;
    window->public.account = g_strdup(account);
    window->public.protocol = g_strdup(protocol);
    g_hash_table_replace(windows->table, &window->public.address, window);
    return window;
}

/* ---- made and freed ---- */

static void
load_window(ImsLogonWindows *windows, ImsLogonWindow *loaded, gint64 now_usec)
{
    Window *window;

    /* Wall time may have been moved while we were away: what expires later than a fresh one is
     * lying. */
    loaded->expires_usec = MIN(loaded->expires_usec, now_usec + windows->length_usec);
    if (loaded->expires_usec <= now_usec ||
        g_hash_table_contains(windows->table, &loaded->address) ||
        (windows->except != NULL && ims_net_list_match(windows->except, &loaded->address) != 0))
        return;
    window = add(windows, &loaded->address, loaded->account, loaded->protocol);
    window->public.opened_usec = MIN(loaded->opened_usec, now_usec);
    window->public.expires_usec = loaded->expires_usec;
    window->public.relayed = loaded->relayed;
}

/* @path: (nullable): for the log */
static void
load_text(ImsLogonWindows *windows, const char *path, const char *text)
{
    gint64 now_usec = ims_world_wall_usec(windows->world);
    g_auto(GStrv) lines = NULL;

    if (!g_str_has_prefix(text, IMS_WINDOW_FILE_HEAD)) {
        ims_log_event(windows->log, 0, "window-file", "file", path, "reason",
                      "not a file of logon windows", "effect", "no window is open, continuing",
                      NULL);
        return;
    }
    lines = g_strsplit(text + strlen(IMS_WINDOW_FILE_HEAD), "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        ImsLogonWindow window;

        if (*lines[i] == '\0')
            continue;
        if (ims_window_file_parse_line(lines[i], &window)) {
            load_window(windows, &window, now_usec);
            ims_logon_window_clear(&window);
        } else {
            g_autofree char *number = g_strdup_printf("%u", i + 2);

            ims_log_event(windows->log, 0, "window-file", "file", path, "line", number, "reason",
                          "malformed", "effect", "this window is closed, continuing", NULL);
        }
    }
}

static void
load(ImsLogonWindows *windows, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (g_file_get_contents(path, &text, NULL, &error))
        load_text(windows, path, text);
    else if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        ims_log_event(windows->log, 0, "window-file", "reason", error->message, "effect",
                      "no window is open, continuing", NULL);
}

/* Turned off means closed: turned on again, no old window may be open. */
static void
take_kept(ImsLogonWindows *windows, GString *kept)
{
    if (!windows->enabled) {
        g_string_truncate(kept, 0);
        return;
    }
    windows->kept = kept;
    if (kept->len == 0)
        return;
    g_mutex_lock(&windows->lock);
    load_text(windows, NULL, kept->str);
    g_mutex_unlock(&windows->lock);
}

ImsLogonWindows *
ims_logon_windows_new(ImsWorld *world, const ImsLogonWindowOptions *options)
{
    ImsLogonWindows *windows = g_new0(ImsLogonWindows, 1);

    g_atomic_ref_count_init(&windows->references);
    windows->world = world;
    windows->log = options->log;
    windows->enabled = options->enabled && options->minutes > 0;
    windows->length_usec = (gint64)options->minutes * 60 * G_USEC_PER_SEC;
    windows->max_recipients = options->recipients;
    windows->max_windows = options->max_windows != 0 ? options->max_windows : DEFAULT_MAX_WINDOWS;
    windows->except = options->except;
    g_mutex_init(&windows->lock);
    windows->table =
        g_hash_table_new_full(ims_address_hash, ims_address_equal, NULL, release_window);
    if (options->kept != NULL)
        take_kept(windows, options->kept);
    if (options->file == NULL || options->kept != NULL)
        return windows;
    if (windows->enabled) {
        g_mutex_lock(&windows->lock);
        load(windows, options->file);
        g_mutex_unlock(&windows->lock);
        windows->file = ims_window_file_new(options->file);
    } else {
        /* Turned off means closed: turned on again, no old window may be open. */
        g_unlink(options->file);
    }
    return windows;
}

void
ims_logon_windows_free(ImsLogonWindows *windows)
{
    if (windows == NULL)
        return;
    windows->freed = TRUE;
    if (windows->timer != NULL) {
        ims_world_timer_cancel(windows->world, &windows->timer);
        windows_unref(windows);
    }
    if (windows->file != NULL) {
        WriteJob *job = make_job(windows);

        /* Sessions that are still there end now. */
        job->serial++;
        write_job(job);
        write_done(job);
    } else {
        if (windows->kept != NULL) {
            g_autoptr(GString) text = NULL;

            g_mutex_lock(&windows->lock);
            text = format_all(windows);
            g_mutex_unlock(&windows->lock);
            g_string_assign(windows->kept, text->str);
        }
        windows_unref(windows);
    }
}

/* ---- what sessions call ---- */

ImsLogonToken *
ims_logon_windows_open(ImsLogonWindows *windows, const ImsAddress *address, const char *account,
                       const char *protocol)
{
    gint64 now_usec = ims_world_wall_usec(windows->world);
    ImsLogonToken *token;
    Window *window;
    gboolean is_new;

    if (!windows->enabled || address->family == 0 ||
        (windows->except != NULL && ims_net_list_match(windows->except, address) != 0))
        return NULL;
    token = g_new0(ImsLogonToken, 1);
    token->windows = windows;
    g_mutex_lock(&windows->lock);
    window = find(windows, address, now_usec);
    is_new = window == NULL;
    if (is_new) {
        window = add(windows, address, account, protocol);
        window->public.opened_usec = now_usec;
    } else {
        g_free(window->public.account);
        g_free(window->public.protocol);
        window->public.account = g_strdup(account);
        window->public.protocol = g_strdup(protocol);
        /* A client that comes every five minutes keeps its window for ever: what it may relay
         * counts from each logon that finds the minutes of the last count over. */
        if (now_usec - window->public.opened_usec >= windows->length_usec) {
            window->public.opened_usec = now_usec;
            window->public.relayed = 0;
        }
    }
    window->public.sessions++;
    window->public.expires_usec = G_MAXINT64;
    window->references++;
    token->window = window;
    changed(windows);
    g_mutex_unlock(&windows->lock);
    if (is_new) {
        char text[IMS_ADDRESS_STRLEN];

        ims_log_event(windows->log, 0, "window-opened", "address",
                      ims_address_format(address, text), "account", account, "protocol", protocol,
                      NULL);
    }
    return token;
}

void
ims_logon_token_close(ImsLogonToken **handle)
{
    ImsLogonToken *token = g_steal_pointer(handle);
    ImsLogonWindows *windows;
    Window *window;

    if (token == NULL)
        return;
    windows = token->windows;
    window = token->window;
    g_mutex_lock(&windows->lock);
    window->public.sessions--;
    if (window->is_open && window->public.sessions == 0) {
        window->public.expires_usec = ims_world_wall_usec(windows->world) + windows->length_usec;
        changed(windows);
    }
    window_unref(window);
    g_mutex_unlock(&windows->lock);
    g_free(token);
}

static ImsLogonWindow
copy_window(const ImsLogonWindow *window)
{
    ImsLogonWindow copy = *window;

    copy.account = g_strdup(window->account);
    copy.protocol = g_strdup(window->protocol);
    return copy;
}

void
ims_logon_window_clear(ImsLogonWindow *window)
{
    g_clear_pointer(&window->account, g_free);
    g_clear_pointer(&window->protocol, g_free);
}

gboolean
ims_logon_windows_check(ImsLogonWindows *windows, const ImsAddress *address,
                        ImsLogonWindow *window_out)
{
    gboolean open;
    Window *window;

    if (!windows->enabled)
        return FALSE;
    g_mutex_lock(&windows->lock);
    window = find(windows, address, ims_world_wall_usec(windows->world));
    open = window != NULL &&
           (windows->max_recipients == 0 || window->public.relayed < windows->max_recipients);
    if (open && window_out != NULL)
        *window_out = copy_window(&window->public);
    g_mutex_unlock(&windows->lock);
    return open;
}

void
ims_logon_windows_count(ImsLogonWindows *windows, const ImsAddress *address)
{
    Window *window;

    g_mutex_lock(&windows->lock);
    window = g_hash_table_lookup(windows->table, address);
    if (window != NULL && window->public.relayed < G_MAXUINT) {
        window->public.relayed++;
        changed(windows);
    }
    g_mutex_unlock(&windows->lock);
}

/* ---- what the administrator calls ---- */

static int
compare_windows(gconstpointer a, gconstpointer b)
{
    const ImsAddress *left = &((const ImsLogonWindow *)a)->address,
                     *right = &((const ImsLogonWindow *)b)->address;

    if (left->family != right->family)
        return left->family - right->family;
    return memcmp(left->bytes, right->bytes, left->family == 6 ? 16 : 4);
}

static void
clear_window(gpointer window)
{
    ims_logon_window_clear(window);
}

/* With the lock held: the addresses of all windows, so that each may be closed on the way. */
static GArray *
list_addresses(ImsLogonWindows *windows)
{
    GArray *addresses = g_array_new(FALSE, FALSE, sizeof(ImsAddress));
    GHashTableIter iter;
    gpointer address;

    g_hash_table_iter_init(&iter, windows->table);
    while (g_hash_table_iter_next(&iter, &address, NULL))
        g_array_append_vals(addresses, address, 1);
    return addresses;
}

GArray *
ims_logon_windows_list(ImsLogonWindows *windows)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(ImsLogonWindow));
    gint64 now_usec = ims_world_wall_usec(windows->world);
    g_autoptr(GArray) addresses = NULL;

    g_array_set_clear_func(list, clear_window);
    g_mutex_lock(&windows->lock);
    addresses = list_addresses(windows);
    for (guint i = 0; i < addresses->len; i++) {
        Window *window = find(windows, &g_array_index(addresses, ImsAddress, i), now_usec);

        if (window != NULL) {
            ImsLogonWindow copy = copy_window(&window->public);

            g_array_append_val(list, copy);
        }
    }
    g_mutex_unlock(&windows->lock);
    g_array_sort(list, compare_windows);
    return list;
}

guint
ims_logon_windows_clear(ImsLogonWindows *windows, const ImsAddress *address, const char *account)
{
    gint64 now_usec = ims_world_wall_usec(windows->world);
    g_autofree char *wanted = account != NULL ? g_utf8_casefold(account, -1) : NULL;
    g_autoptr(GArray) addresses = NULL;
    guint n_closed = 0;

    g_mutex_lock(&windows->lock);
    addresses = list_addresses(windows);
    for (guint i = 0; i < addresses->len; i++) {
        const ImsAddress *each = &g_array_index(addresses, ImsAddress, i);
        Window *window = address == NULL || ims_address_equal(address, each)
                             ? find(windows, each, now_usec)
                             : NULL;
        g_autofree char *owner =
            window != NULL ? g_utf8_casefold(window->public.account, -1) : NULL;

        if (window == NULL || (wanted != NULL && strcmp(owner, wanted) != 0))
            continue;
        close_window(windows, window, "cleared");
        n_closed++;
    }
    g_mutex_unlock(&windows->lock);
    return n_closed;
}
