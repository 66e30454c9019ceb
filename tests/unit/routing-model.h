/* Random policies and addresses for the property tests, each twice: as the product wants them and as plain data. */
#pragma once

#include "routing/relay.h"

G_BEGIN_DECLS

/* What a build does, written down by hand and not taken from the table of build.c. */
typedef struct {
    ImsBuild build;
    gboolean exact, lax, literal, always, restrictions, hole, quoted_hole, null_session;
} RoutingEra;

typedef struct {
    gboolean exact;
    char *name;
    ImsRouteAction action;
    char *target;
    gboolean literal;
} RoutingRoute;

typedef struct {
    guint32 net, mask;
} RoutingNet;

typedef struct {
    ImsRelayPolicy policy;
    ImsRoutingList *list;
    GArray *routes; /* RoutingRoute */
    ImsNetList *lists[3];
    GArray *nets[3]; /* RoutingNet: deny, allow, local */
    ImsAddress own[2];
    const RoutingEra *era;
} RoutingModel;

typedef enum {
    ROUTING_WELL_FORMED,
    ROUTING_EQUAL_SIGN, /* malformed in the faithful profile */
    ROUTING_ODD,        /* malformed unless lax */
    ROUTING_MALFORMED,
} RoutingShape;

typedef struct _RoutingNode RoutingNode;
struct _RoutingNode {
    RoutingShape shape;
    char *local; /* with a child: the child encoded */
    RoutingNode *child;
    gboolean quoted; /* the child stands in a quoted string */
    char *domain; /* NULL: bare */
    gboolean literal;
    char *text;
};

extern const char *const routing_own_texts[2];

gboolean routing_one_in(GRand *rand, gint n);
const char *routing_pick(GRand *rand, const char *const *texts, gsize n);
/* An IPv4 address as a number. */
guint32 routing_number_of(const ImsAddress *address);
/* One of a few hosts that the nets of the model are made of. */
void routing_random_host(GRand *rand, ImsAddress *out);
void routing_model_init(RoutingModel *model, GRand *rand);
void routing_model_clear(RoutingModel *model);
/* A random address of at most four, each encapsulated in the one before. */
RoutingNode *routing_node_new(GRand *rand);
void routing_node_free(RoutingNode *node);

G_END_DECLS
