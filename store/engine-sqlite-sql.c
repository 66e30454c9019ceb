/* The schema and every statement of the SQLite engine. */
#include "store/engine-sqlite-private.h"

/*
 * message is read whole for a snapshot, so its rows are narrow and in the order of the scan; what
 * FETCH of an envelope needs is apart from the bodies, so that it reads no page of a body. content
 * holds what changes (refs) in narrow rows. A folder that is deleted keeps its row with mailbox
 * NULL until the sweep has freed its messages.
 */
const char ims_sql_schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE mailbox(id INTEGER PRIMARY KEY, made INTEGER NOT NULL);"
    "CREATE TABLE folder(id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER, name TEXT,"
    " special_use TEXT, uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL,"
    " modseq INTEGER NOT NULL, messages INTEGER NOT NULL, unseen INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL, bytes INTEGER NOT NULL, first_recent INTEGER NOT NULL,"
    " object_id BLOB NOT NULL, keywords TEXT NOT NULL, pruned_modseq INTEGER NOT NULL DEFAULT 0,"
    " gone_usec INTEGER);"
    "CREATE UNIQUE INDEX folder_name ON folder(mailbox, name);"
    "CREATE TABLE subscription(mailbox INTEGER, name TEXT, PRIMARY KEY(mailbox, name))"
    " WITHOUT ROWID;"
    "CREATE TABLE content(id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, size INTEGER NOT NULL,"
    " header_size INTEGER NOT NULL, digest BLOB NOT NULL, file TEXT);"
    "CREATE INDEX content_unused ON content(id) WHERE refs = 0;"
    "CREATE UNIQUE INDEX content_file ON content(file) WHERE file IS NOT NULL;"
    "CREATE TABLE summary(id INTEGER PRIMARY KEY, size INTEGER NOT NULL,"
    " header_size INTEGER NOT NULL, envelope TEXT, bodystructure TEXT, body TEXT, parts BLOB,"
    " subject TEXT, message_id TEXT);"
    "CREATE TABLE body(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE message(folder INTEGER, uid INTEGER, flags INTEGER NOT NULL,"
    " modseq INTEGER NOT NULL, size INTEGER NOT NULL, content INTEGER NOT NULL,"
    " internal_usec INTEGER NOT NULL, zone_min INTEGER NOT NULL, save_usec INTEGER NOT NULL,"
    " created_modseq INTEGER NOT NULL, PRIMARY KEY(folder, uid)) WITHOUT ROWID;"
    "CREATE INDEX message_deleted ON message(folder, uid) WHERE flags & 8;"
    "CREATE TABLE graveyard(folder INTEGER, uid INTEGER, modseq INTEGER NOT NULL,"
    " buried_usec INTEGER NOT NULL, content INTEGER NOT NULL, internal_usec INTEGER NOT NULL,"
    " zone_min INTEGER NOT NULL, save_usec INTEGER NOT NULL, created_modseq INTEGER NOT NULL,"
    " PRIMARY KEY(folder, uid)) WITHOUT ROWID;"
    "CREATE TABLE tombstone(folder INTEGER, modseq INTEGER, buried_usec INTEGER NOT NULL,"
    " uids TEXT NOT NULL, PRIMARY KEY(folder, modseq)) WITHOUT ROWID;"
    "CREATE INDEX tombstone_age ON tombstone(buried_usec);"
    "CREATE TABLE queue_message(id INTEGER PRIMARY KEY AUTOINCREMENT, content INTEGER NOT NULL,"
    " sender TEXT NOT NULL, ret INTEGER NOT NULL, envid TEXT, eight_bit INTEGER NOT NULL,"
    " accepted_usec INTEGER NOT NULL, expires_usec INTEGER NOT NULL, size INTEGER NOT NULL,"
    " session TEXT, hold_reason TEXT, subject TEXT);"
    "CREATE TABLE queue_recipient(id INTEGER PRIMARY KEY AUTOINCREMENT, message INTEGER NOT NULL,"
    " address TEXT NOT NULL, original TEXT, orcpt TEXT, notify INTEGER NOT NULL,"
    " domain TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " next_usec INTEGER NOT NULL, last_failed INTEGER NOT NULL, code INTEGER NOT NULL,"
    " reply TEXT);"
    "CREATE INDEX queue_of_message ON queue_recipient(message, domain);"
    "CREATE INDEX queue_due ON queue_recipient(domain, state, next_usec, last_failed, message);"
    "CREATE INDEX queue_active ON queue_recipient(message) WHERE state = 1;";

#define FOLDER_COLUMNS                                                                             \
    "id, mailbox, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted,"     \
    " bytes, first_recent, object_id, keywords"
#define ROW_COLUMNS "uid, content, internal_usec, zone_min, save_usec, created_modseq"
#define QUEUE_COLUMNS                                                                              \
    "id, content, sender, ret, envid, eight_bit, accepted_usec, expires_usec, size, session,"      \
    " hold_reason, subject"
#define RECIPIENT_COLUMNS                                                                          \
    "id, address, original, orcpt, notify, domain, state, attempts, next_usec, last_failed, code," \
    " reply"
/* ?1 a message or 0, ?2 a domain or NULL */
#define ADMIN_WHERE " WHERE (?1 = 0 OR message = ?1) AND (?2 IS NULL OR domain = ?2)"

const char *const ims_sql_text[N_SQL] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [SQL_META_SET] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    [SQL_MAILBOX_HAS] = "SELECT 1 FROM mailbox WHERE id = ?1",
    [SQL_MAILBOX_INSERT] = "INSERT INTO mailbox(id, made) VALUES(?1, ?2)",
    [SQL_MAILBOX_DELETE] = "DELETE FROM mailbox WHERE id = ?1",

    [SQL_FOLDER_BY_ID] = "SELECT " FOLDER_COLUMNS " FROM folder WHERE id = ?1",
    [SQL_FOLDER_BY_NAME] = "SELECT " FOLDER_COLUMNS " FROM folder WHERE mailbox = ?1 AND name = ?2",
    [SQL_FOLDER_OF_MAILBOX] =
        "SELECT " FOLDER_COLUMNS " FROM folder WHERE mailbox = ?1 ORDER BY name",
    [SQL_FOLDER_COUNT] = "SELECT count(*) FROM folder WHERE mailbox = ?1",
    [SQL_FOLDER_INSERT] =
        "INSERT INTO folder(mailbox, name, special_use, uidvalidity, uidnext, modseq, messages,"
        " unseen, deleted, bytes, first_recent, object_id, keywords)"
        " VALUES(?1, ?2, ?3, ?4, 1, 1, 0, 0, 0, 0, 1, ?5, '')",
    [SQL_FOLDER_UPDATE] =
        "UPDATE folder SET uidnext = ?2, modseq = ?3, messages = ?4, unseen = ?5, deleted = ?6,"
        " bytes = ?7, first_recent = ?8, keywords = ?9 WHERE id = ?1",
    [SQL_FOLDER_MOVE] = "UPDATE folder SET name = ?2 WHERE id = ?1",
    [SQL_FOLDER_GONE] =
        "UPDATE folder SET mailbox = NULL, name = NULL, gone_usec = ?2 WHERE id = ?1",
    [SQL_FOLDER_LIST_GONE] = "SELECT id, gone_usec FROM folder WHERE mailbox IS NULL",
    [SQL_FOLDER_DELETE] = "DELETE FROM folder WHERE id = ?1",
    [SQL_FOLDER_PRUNED] = "UPDATE folder SET pruned_modseq = max(pruned_modseq, ?2) WHERE id = ?1",

    [SQL_SUBSCRIPTION_INSERT] = "INSERT OR IGNORE INTO subscription(mailbox, name) VALUES(?1, ?2)",
    [SQL_SUBSCRIPTION_DELETE] = "DELETE FROM subscription WHERE mailbox = ?1 AND name = ?2",
    [SQL_SUBSCRIPTION_CLEAR] = "DELETE FROM subscription WHERE mailbox = ?1",
    [SQL_SUBSCRIPTION_HAS] = "SELECT 1 FROM subscription WHERE mailbox = ?1 AND name = ?2",
    [SQL_SUBSCRIPTION_LIST] = "SELECT name FROM subscription WHERE mailbox = ?1 ORDER BY name",

    [SQL_CONTENT_MAX] = "SELECT max(id) FROM content WHERE id > ?1",
    [SQL_CONTENT_INSERT] = "INSERT INTO content(id, refs, size, header_size, digest, file)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_CONTENT_REFS] = "UPDATE content SET refs = refs + ?2 WHERE id = ?1",
    [SQL_CONTENT_UNUSED] = "SELECT id, file FROM content WHERE refs = 0 LIMIT ?1",
    [SQL_CONTENT_DELETE] = "DELETE FROM content WHERE id = ?1",
    [SQL_CONTENT_READ] = "SELECT c.size, c.header_size, c.digest, c.file, b.data"
                         " FROM content c LEFT JOIN body b ON b.id = c.id WHERE c.id = ?1",
    [SQL_CONTENT_READ_HEADER] =
        "SELECT c.size, c.header_size, c.digest, c.file, substr(b.data, 1, c.header_size)"
        " FROM content c LEFT JOIN body b ON b.id = c.id WHERE c.id = ?1",
    [SQL_CONTENT_HAS_FILE] = "SELECT 1 FROM content WHERE file = ?1",
    [SQL_SUMMARY_INSERT] =
        "INSERT INTO summary(id, size, header_size, envelope, bodystructure, body, parts, subject,"
        " message_id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_SUMMARY_DELETE] = "DELETE FROM summary WHERE id = ?1",
    [SQL_SUMMARY_READ] =
        "SELECT size, header_size, envelope, bodystructure, body, parts, subject, message_id"
        " FROM summary WHERE id = ?1",
    [SQL_BODY_INSERT] = "INSERT INTO body(id, data) VALUES(?1, ?2)",
    [SQL_BODY_DELETE] = "DELETE FROM body WHERE id = ?1",

    [SQL_MESSAGE_INSERT] =
        "INSERT INTO message(folder, uid, flags, modseq, size, content, internal_usec, zone_min,"
        " save_usec, created_modseq) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?4)",
    [SQL_MESSAGE_LOAD] = "SELECT uid, size, flags, modseq FROM message WHERE folder = ?1",
    [SQL_MESSAGE_RANGE] =
        "SELECT uid, size, flags, modseq, content, internal_usec, zone_min FROM message"
        " WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3",
    [SQL_MESSAGE_RANGE_DELETED] =
        "SELECT uid, size, flags, modseq, content, internal_usec, zone_min FROM message"
        " INDEXED BY message_deleted WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3 AND flags & 8",
    [SQL_MESSAGE_FLAGS] = "UPDATE message SET flags = (flags & ?4) | ?5, modseq = ?6"
                          " WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3",
    [SQL_MESSAGE_BURY] =
        "INSERT INTO graveyard(folder, uid, modseq, buried_usec, content, internal_usec, zone_min,"
        " save_usec, created_modseq) SELECT folder, uid, ?4, ?5, content, internal_usec, zone_min,"
        " save_usec, created_modseq FROM message WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3",
    [SQL_MESSAGE_DELETE] = "DELETE FROM message WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3",
    [SQL_MESSAGE_ROW] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 AND uid = ?2",
    [SQL_MESSAGE_SLICE] = "SELECT uid, content FROM message WHERE folder = ?1 LIMIT ?2",

    [SQL_GRAVE_ROW] = "SELECT " ROW_COLUMNS " FROM graveyard WHERE folder = ?1 AND uid = ?2",
    [SQL_GRAVE_SLICE] = "SELECT folder, uid, modseq, buried_usec, content FROM graveyard"
                        " WHERE (folder, uid) > (?1, ?2) ORDER BY folder, uid LIMIT ?3",
    [SQL_GRAVE_DELETE] = "DELETE FROM graveyard WHERE folder = ?1 AND uid = ?2",
    [SQL_GRAVE_OF_FOLDER] = "SELECT 1 FROM graveyard WHERE folder = ?1 LIMIT 1",
    [SQL_TOMBSTONE_INSERT] =
        "INSERT INTO tombstone(folder, modseq, buried_usec, uids) VALUES(?1, ?2, ?3, ?4)",
    [SQL_TOMBSTONE_OLD] = "SELECT folder, modseq FROM tombstone WHERE buried_usec < ?1 LIMIT ?2",
    [SQL_TOMBSTONE_DELETE] = "DELETE FROM tombstone WHERE folder = ?1 AND modseq = ?2",
    [SQL_TOMBSTONE_CLEAR] = "DELETE FROM tombstone WHERE folder = ?1",

    [SQL_QUEUE_INSERT] =
        "INSERT INTO queue_message(content, sender, ret, envid, eight_bit, accepted_usec,"
        " expires_usec, size, session, hold_reason, subject)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_QUEUE_DELETE] = "DELETE FROM queue_message WHERE id = ?1",
    [SQL_QUEUE_UNHOLD] = "UPDATE queue_message SET hold_reason = NULL WHERE id = ?1",
    [SQL_QUEUE_LIST] =
        "SELECT " QUEUE_COLUMNS " FROM queue_message WHERE id > ?1 ORDER BY id LIMIT ?2",
    [SQL_QUEUE_LIST_DOMAIN] = "SELECT " QUEUE_COLUMNS " FROM queue_message WHERE id > ?1 AND EXISTS"
                              " (SELECT 1 FROM queue_recipient r INDEXED BY queue_of_message WHERE "
                              "r.message = queue_message.id AND r.domain = ?3"
                              "  AND r.state < 3) ORDER BY id LIMIT ?2",
    [SQL_QUEUE_GET] = "SELECT " QUEUE_COLUMNS " FROM queue_message WHERE id = ?1",
    [SQL_QUEUE_ACTIVE] =
        "SELECT DISTINCT message FROM queue_recipient WHERE state = 1 ORDER BY message",
    [SQL_QUEUE_PENDING] = "SELECT count(*) FROM queue_recipient WHERE message = ?1 AND state < 3",
    [SQL_RECIPIENT_INSERT] =
        "INSERT INTO queue_recipient(message, address, original, orcpt, notify, domain, state,"
        " attempts, next_usec, last_failed, code, reply)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [SQL_RECIPIENT_OF_MESSAGE] =
        "SELECT " RECIPIENT_COLUMNS " FROM queue_recipient WHERE message = ?1 ORDER BY id",
    [SQL_RECIPIENT_OF_DOMAIN] =
        "SELECT " RECIPIENT_COLUMNS " FROM queue_recipient INDEXED BY queue_of_message"
        " WHERE message = ?1 AND domain = ?2 AND state = 0 AND next_usec <= ?3 ORDER BY id",
    [SQL_RECIPIENT_DUE] =
        "SELECT message FROM queue_recipient WHERE domain = ?1 AND state = 0 AND next_usec <= ?2"
        " ORDER BY next_usec",
    [SQL_RECIPIENT_CLAIM] = "UPDATE queue_recipient SET state = 1 WHERE id = ?1",
    [SQL_RECIPIENT_OUTCOME] =
        "UPDATE queue_recipient SET state = ?3, next_usec = ?4, last_failed = ?5,"
        " attempts = attempts + ?6, code = ?7, reply = ?8 WHERE id = ?2 AND message = ?1",
    [SQL_RECIPIENT_CLEAR] = "DELETE FROM queue_recipient WHERE message = ?1",
    [SQL_RECIPIENT_RESET_ACTIVE] = "UPDATE queue_recipient SET state = 0 WHERE state = 1",
    [SQL_RECIPIENT_DOMAINS] =
        "SELECT domain, state, count(*), min(next_usec), min(last_failed) FROM queue_recipient"
        " WHERE state < 3 GROUP BY domain, state ORDER BY domain, state",
    [SQL_ADMIN_MESSAGES] =
        "SELECT DISTINCT message FROM queue_recipient" ADMIN_WHERE " AND state < 3",
    [SQL_ADMIN_RETRY] = "UPDATE queue_recipient SET next_usec = ?3" ADMIN_WHERE " AND state = 0",
    [SQL_ADMIN_HOLD] = "UPDATE queue_recipient SET state = 2" ADMIN_WHERE " AND state = 0",
    [SQL_ADMIN_RELEASE] =
        "UPDATE queue_recipient SET state = 0, next_usec = ?3" ADMIN_WHERE " AND state = 2",
    [SQL_ADMIN_DELETE] = "DELETE FROM queue_recipient" ADMIN_WHERE " AND state < 3",
};
