/*
 * An ordered map that is never changed: insert and remove give a new tree that shares all but a
 * path of nodes with the old one. So one change of a Directory of 100,000 recipients costs
 * microseconds, and readers need no lock.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ImsTreeNode ImsTreeNode; /* the empty tree is NULL */

/* Ordered by @key, then by @tag, so that one key may be there several times. @key lives as long as
 * @value. */
typedef struct {
    const char *key;
    guint64 tag;
    gpointer value; /* a g_atomic_rc_box; the tree holds a reference */
} ImsTreeItem;

/* How the tree releases a value. */
typedef void (*ImsTreeRelease)(gpointer value);

ImsTreeNode *ims_tree_ref(ImsTreeNode *tree);
void ims_tree_unref(ImsTreeNode *tree, ImsTreeRelease release);
/* @items are sorted by ims_tree_item_compare(). (transfer full) */
ImsTreeNode *ims_tree_build(const ImsTreeItem *items, guint n_items);
int ims_tree_item_compare(gconstpointer a, gconstpointer b);
guint ims_tree_size(const ImsTreeNode *tree);
const ImsTreeItem *ims_tree_get(const ImsTreeNode *tree, guint index);
/* The first item with @key, or NULL; @several_out (nullable): there are more. */
const ImsTreeItem *ims_tree_find(const ImsTreeNode *tree, const char *key, gboolean *several_out);
/* @tree is unchanged. (transfer full). Inserting what is there, or removing what is not, gives an
 * equal tree. */
ImsTreeNode *ims_tree_insert(ImsTreeNode *tree, const ImsTreeItem *item, ImsTreeRelease release);
ImsTreeNode *ims_tree_remove(ImsTreeNode *tree, const char *key, guint64 tag,
                             ImsTreeRelease release);
/* Whether sizes, order and balance are as they must be; for tests. */
gboolean ims_tree_is_sound(const ImsTreeNode *tree);

G_END_DECLS
