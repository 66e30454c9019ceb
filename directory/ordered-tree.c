#include "directory/ordered-tree-private.h"

#include <string.h>

/*
 * A weight-balanced tree (Nievergelt and Reingold; parameters 3 and 2 as proved sound by Hirai and
 * Yamamoto, 2011). Recursion is as deep as the tree is high, about 2.4 log2(n).
 */
#define DELTA 3
#define RATIO 2

struct _ImsTreeNode {
    gint references;
    guint size;
    ImsTreeNode *left, *right;
    ImsTreeItem item;
};

guint
ims_tree_size(const ImsTreeNode *tree)
{
    return tree != NULL ? tree->size : 0;
}

ImsTreeNode *
ims_tree_ref(ImsTreeNode *tree)
{
    if (tree != NULL)
        g_atomic_int_inc(&tree->references);
    return tree;
}

void
ims_tree_unref(ImsTreeNode *tree, ImsTreeRelease release)
{
    if (tree == NULL || !g_atomic_int_dec_and_test(&tree->references))
        return;
    ims_tree_unref(tree->left, release);
    ims_tree_unref(tree->right, release);
    release(tree->item.value);
    g_free(tree);
}

/* Takes both subtrees and a new reference to the value. */
static ImsTreeNode *
make(ImsTreeNode *left, const ImsTreeItem *item, ImsTreeNode *right)
{
    ImsTreeNode *node = g_new(ImsTreeNode, 1);

    node->references = 1;
    node->size = ims_tree_size(left) + ims_tree_size(right) + 1;
    node->left = left;
    node->right = right;
    node->item = *item;
    g_atomic_rc_box_acquire(item->value);
    return node;
}

static int
compare(const char *key, guint64 tag, const ImsTreeItem *item)
{
    int order = strcmp(key, item->key);

    if (order != 0)
        return order;
    return tag < item->tag ? -1 : tag > item->tag ? 1 : 0;
}

int
ims_tree_item_compare(gconstpointer a, gconstpointer b)
{
    const ImsTreeItem *item = a;

    return compare(item->key, item->tag, b);
}

ImsTreeNode *
ims_tree_build(const ImsTreeItem *items, guint n_items)
{
    guint middle = n_items / 2;

    if (n_items == 0)
        return NULL;
    return make(ims_tree_build(items, middle), &items[middle],
                ims_tree_build(items + middle + 1, n_items - middle - 1));
}

/* The right subtree is too heavy. Takes both. */
static ImsTreeNode *
rotate_left(ImsTreeNode *left, const ImsTreeItem *item, ImsTreeNode *right, ImsTreeRelease release)
{
    ImsTreeNode *inner = right->left, *outer = right->right, *result;

    if (ims_tree_size(inner) + 1 < RATIO * (ims_tree_size(outer) + 1))
        result = make(make(left, item, ims_tree_ref(inner)), &right->item, ims_tree_ref(outer));
    else
        result = make(make(left, item, ims_tree_ref(inner->left)), &inner->item,
                      make(ims_tree_ref(inner->right), &right->item, ims_tree_ref(outer)));
    ims_tree_unref(right, release);
    return result;
}

static ImsTreeNode *
rotate_right(ImsTreeNode *left, const ImsTreeItem *item, ImsTreeNode *right, ImsTreeRelease release)
{
    ImsTreeNode *inner = left->right, *outer = left->left, *result;

    if (ims_tree_size(inner) + 1 < RATIO * (ims_tree_size(outer) + 1))
        result = make(ims_tree_ref(outer), &left->item, make(ims_tree_ref(inner), item, right));
    else
        result = make(make(ims_tree_ref(outer), &left->item, ims_tree_ref(inner->left)),
                      &inner->item, make(ims_tree_ref(inner->right), item, right));
    ims_tree_unref(left, release);
    return result;
}

/* Weights are sizes plus one. */
static gboolean
is_too_heavy(const ImsTreeNode *heavy, const ImsTreeNode *light)
{
    return ims_tree_size(heavy) + 1 > DELTA * (ims_tree_size(light) + 1);
}

static ImsTreeNode *
balance(ImsTreeNode *left, const ImsTreeItem *item, ImsTreeNode *right, ImsTreeRelease release)
{
    if (is_too_heavy(right, left))
        return rotate_left(left, item, right, release);
    if (is_too_heavy(left, right))
        return rotate_right(left, item, right, release);
    return make(left, item, right);
}

ImsTreeNode *
ims_tree_insert(ImsTreeNode *tree, const ImsTreeItem *item, ImsTreeRelease release)
{
    int order;

    if (tree == NULL)
        return make(NULL, item, NULL);
    order = compare(item->key, item->tag, &tree->item);
    if (order == 0)
        return make(ims_tree_ref(tree->left), item, ims_tree_ref(tree->right));
    if (order < 0)
        return balance(ims_tree_insert(tree->left, item, release), &tree->item,
                       ims_tree_ref(tree->right), release);
    return balance(ims_tree_ref(tree->left), &tree->item,
                   ims_tree_insert(tree->right, item, release), release);
}

/* Joins two trees all of whose items are in order; takes neither. */
static ImsTreeNode *
glue(ImsTreeNode *left, ImsTreeNode *right, ImsTreeRelease release)
{
    const ImsTreeItem *middle;

    if (left == NULL)
        return ims_tree_ref(right);
    if (right == NULL)
        return ims_tree_ref(left);
    if (left->size > right->size) {
        middle = ims_tree_get(left, left->size - 1);
        return balance(ims_tree_remove(left, middle->key, middle->tag, release), middle,
                       ims_tree_ref(right), release);
    }
    middle = ims_tree_get(right, 0);
    return balance(ims_tree_ref(left), middle,
                   ims_tree_remove(right, middle->key, middle->tag, release), release);
}

ImsTreeNode *
ims_tree_remove(ImsTreeNode *tree, const char *key, guint64 tag, ImsTreeRelease release)
{
    int order;

    if (tree == NULL)
        return NULL;
    order = compare(key, tag, &tree->item);
    if (order == 0)
        return glue(tree->left, tree->right, release);
    if (order < 0)
        return balance(ims_tree_remove(tree->left, key, tag, release), &tree->item,
                       ims_tree_ref(tree->right), release);
    return balance(ims_tree_ref(tree->left), &tree->item,
                   ims_tree_remove(tree->right, key, tag, release), release);
}

const ImsTreeItem *
ims_tree_get(const ImsTreeNode *tree, guint index)
{
    while (tree != NULL) {
        guint before = ims_tree_size(tree->left);

        if (index == before)
            return &tree->item;
        if (index < before) {
            tree = tree->left;
        } else {
            index -= before + 1;
            tree = tree->right;
        }
    }
    return NULL;
}

const ImsTreeItem *
ims_tree_find(const ImsTreeNode *tree, const char *key, gboolean *several_out)
{
    const ImsTreeNode *node = tree;
    const ImsTreeItem *found = NULL;
    guint rank = 0; /* how many items are before the first with @key */

    while (node != NULL) {
        int order = strcmp(node->item.key, key);

        if (order < 0) {
            rank += ims_tree_size(node->left) + 1;
            node = node->right;
        } else {
            if (order == 0)
                found = &node->item;
            node = node->left;
        }
    }
    if (several_out != NULL) {
        const ImsTreeItem *next = found != NULL ? ims_tree_get(tree, rank + 1) : NULL;

        *several_out = next != NULL && strcmp(next->key, key) == 0;
    }
    return found;
}

static gboolean
is_balanced(const ImsTreeNode *tree)
{
    if (tree == NULL)
        return TRUE;
    return tree->size == ims_tree_size(tree->left) + ims_tree_size(tree->right) + 1 &&
           !is_too_heavy(tree->left, tree->right) && !is_too_heavy(tree->right, tree->left) &&
           is_balanced(tree->left) && is_balanced(tree->right);
}

gboolean
ims_tree_is_sound(const ImsTreeNode *tree)
{
    if (!is_balanced(tree))
        return FALSE;
    for (guint i = 1; i < ims_tree_size(tree); i++) {
        if (ims_tree_item_compare(ims_tree_get(tree, i - 1), ims_tree_get(tree, i)) >= 0)
            return FALSE;
    }
    return TRUE;
}
