/* SPDX-License-Identifier: Apache-2.0
 *
 * What the applications have to do in a phase, as code for Node.js and Python. Names come from the request and from the server:
 * they stand as JSON strings, which both languages read as the same text. */
#include "schema_change_private.h"

#include <signalbox/base/json.h>
#include <signalbox/base/str.h>

#include <string.h>

struct names {
    char *field, *fresh, *coll, *into; /* quoted */
};

static char *quoted(const char *text)
{
    struct sb_str s;
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&s);
    if (text && sb_json_string(&s, text, strlen(text), &err) == 0)
        return sb_str_take(&s);
    sb_str_release(&s);
    return text ? NULL : sb_format("\"\"");
}

/* Reads a path within a document: doc?.["a"]?.["b"], or doc.get("a", {}).get("b"). */
static char *reading(const char *path, bool python)
{
    struct sb_str s;
    sb_str_init(&s);
    sb_str_adds(&s, "doc");
    for (const char *p = path; *p; p += strcspn(p, "."), p += *p == '.') {
        char *part = sb_strdup_n(p, strcspn(p, ".")), *q = part ? quoted(part) : NULL;
        bool last = p[strcspn(p, ".")] == '\0';
        if (python)
            sb_str_addf(&s, last ? ".get(%s)" : ".get(%s, {})", q ? q : "?");
        else
            sb_str_addf(&s, "?.[%s]", q ? q : "?");
        free(part);
        free(q);
    }
    return sb_str_take(&s);
}

/* Takes text. */
static int note(struct sb_card *card, const char *title, char *text)
{
    int rc = text ? sb_side_note_add(card, title, text) : -1;
    free(text);
    return rc;
}

static int write_both(const struct names *n, struct sb_card *card)
{
    return note(card, "Node.js: write both fields, in every insert and update that writes the old one",
                sb_format("const both = (value) => ({ [%s]: value, [%s]: value });\n"
                          "await db.collection(%s).updateOne({ _id: id }, { $set: both(value) });\n"
                          "// an insert: both fields in the document; a $unset: of both",
                          n->field, n->fresh, n->coll)) ||
                   note(card, "Python: write both fields, in every insert and update that writes the old one",
                        sb_format("def both(value):\n    return {%s: value, %s: value}\n"
                                  "db[%s].update_one({\"_id\": id}, {\"$set\": both(value)})\n"
                                  "# an insert: both fields in the document; a $unset: of both",
                                  n->field, n->fresh, n->coll))
               ? -1
               : 0;
}

static int read_new(const struct sb_change_question *q, const struct names *n, struct sb_card *card)
{
    char *js = reading(q->new_field, false), *js_old = reading(q->field, false), *py = reading(q->new_field, true), *py_old = reading(q->field, true);
    int rc = !js || !js_old || !py || !py_old ||
                     note(card, "Node.js: read the new field, then write it alone",
                          sb_format("const value = %s ?? %s;  // first: wherever it is read\n"
                                    "await db.collection(%s).updateOne({ _id: id }, { $set: { [%s]: value } });  // then: wherever it is written",
                                    js, js_old, n->coll, n->fresh)) ||
                     note(card, "Python: read the new field, then write it alone",
                          sb_format("value = %s  # first: wherever it is read\nif value is None:\n    value = %s\n"
                                    "db[%s].update_one({\"_id\": id}, {\"$set\": {%s: value}})  # then: wherever it is written",
                                    py, py_old, n->coll, n->fresh))
                 ? -1
                 : 0;
    free(js);
    free(js_old);
    free(py);
    free(py_old);
    return rc;
}

static int stop_writing(const struct names *n, struct sb_card *card)
{
    return note(card, "Every application: stop reading and writing the field",
                sb_format("Whatever writes %s has to stop, and whatever reads it has to do without.\n"
                          "That nobody writes it is measured here; who reads it a server does not tell.",
                          n->field));
}

/* A value of the new type, as each language writes it. */
static int write_type(const struct sb_change_question *q, const struct names *n, struct sb_card *card)
{
    static const struct {
        const char *type, *node, *python;
    } made[] = {
        {"date", "new Date(value)", "datetime.fromisoformat(value)"},
        {"decimal", "Decimal128.fromString(String(value))", "Decimal128(str(value))"},
        {"long", "Long.fromString(String(value))", "Int64(value)"},
        {"int", "new Int32(value)", "int(value)"},
        {"double", "new Double(value)", "float(value)"},
        {"objectId", "ObjectId.createFromHexString(value)", "ObjectId(value)"},
        {"string", "String(value)", "str(value)"},
    };
    for (size_t i = 0; i < SB_COUNT(made); i++)
        if (sb_streq(q->type, made[i].type))
            return note(card, "Node.js: read both types, write the new one",
                        sb_format("// types from \"bson\"; wherever it is read, expect either type\nawait db.collection(%s).updateOne({ _id: id }, { $set: { [%s]: %s } });", n->coll, n->field, made[i].node)) ||
                           note(card, "Python: read both types, write the new one",
                                sb_format("# types from bson; wherever it is read, expect either type\ndb[%s].update_one({\"_id\": id}, {\"$set\": {%s: %s}})", n->coll, n->field, made[i].python))
                       ? -1
                       : 0;
    return 0;
}

/* A field that is extracted: in both collections, in one transaction; then in the new one alone. */
static int write_pair(const struct names *n, struct sb_card *card)
{
    return note(card, "Node.js: write both, in every insert, update and delete",
                sb_format("await session.withTransaction(async () => {\n"
                          "  await db.collection(%s).updateOne({ _id: id }, { $set: { [%s]: value } }, { session });\n"
                          "  await db.collection(%s).updateOne({ _id: id }, { $set: { [%s]: value } }, { upsert: true, session });\n"
                          "});\n"
                          "// the whole value, also where a part of it changes; a $unset: in both; a delete: of both",
                          n->coll, n->field, n->into, n->field)) ||
                   note(card, "Python: write both, in every insert, update and delete",
                        sb_format("with client.start_session() as session, session.start_transaction():\n"
                                  "    db[%s].update_one({\"_id\": id}, {\"$set\": {%s: value}}, session=session)\n"
                                  "    db[%s].update_one({\"_id\": id}, {\"$set\": {%s: value}}, upsert=True, session=session)\n"
                                  "# the whole value, also where a part of it changes; a $unset: in both; a delete: of both",
                                  n->coll, n->field, n->into, n->field))
               ? -1
               : 0;
}

static int read_pair(const struct names *n, struct sb_card *card)
{
    return note(card, "Node.js: read it in the new collection, then write it there alone",
                sb_format("const beside = await db.collection(%s).findOne({ _id: id });  // first: wherever it is read\n"
                          "const value = beside?.[%s];\n"
                          "await db.collection(%s).updateOne({ _id: id }, { $set: { [%s]: value } }, { upsert: true });  // then: wherever it is written\n"
                          "// a delete: of both, still",
                          n->into, n->field, n->into, n->field)) ||
                   note(card, "Python: read it in the new collection, then write it there alone",
                        sb_format("beside = db[%s].find_one({\"_id\": id}) or {}  # first: wherever it is read\n"
                                  "value = beside.get(%s)\n"
                                  "db[%s].update_one({\"_id\": id}, {\"$set\": {%s: value}}, upsert=True)  # then: wherever it is written\n"
                                  "# a delete: of both, still",
                                  n->into, n->field, n->into, n->field))
               ? -1
               : 0;
}

/* What is referred to, copied into what refers to it. */
static int write_copy(const struct sb_change_question *q, const struct names *n, struct sb_card *card)
{
    char *from = quoted(strchr(q->from, '.') + 1), *foreign = quoted(q->foreign);
    int rc = !from || !foreign ||
                     note(card, "Node.js: write the copy with what refers to it, and change it with what it is a copy of",
                          sb_format("const copy = await db.collection(%s).findOne({ [%s]: value });\n"
                                    "await db.collection(%s).updateOne({ _id: id }, { $set: { [%s]: value, [%s]: copy } });  // an insert: both, too\n"
                                    "// where it changes, in one transaction: the document itself, and then every copy\n"
                                    "await db.collection(%s).updateMany({ [%s]: copy[%s] }, { $set: { [%s]: changed } }, { session });",
                                    from, foreign, n->coll, n->field, n->fresh, n->coll, n->field, foreign, n->fresh)) ||
                     note(card, "Python: write the copy with what refers to it, and change it with what it is a copy of",
                          sb_format("copy = db[%s].find_one({%s: value})\n"
                                    "db[%s].update_one({\"_id\": id}, {\"$set\": {%s: value, %s: copy}})  # an insert: both, too\n"
                                    "# where it changes, in one transaction: the document itself, and then every copy\n"
                                    "db[%s].update_many({%s: copy[%s]}, {\"$set\": {%s: changed}}, session=session)",
                                    from, foreign, n->coll, n->field, n->fresh, n->coll, n->field, foreign, n->fresh))
                 ? -1
                 : 0;
    free(from);
    free(foreign);
    return rc;
}

int sb_change_code(const struct sb_change_question *q, size_t phase, struct sb_card *card)
{
    struct names n = {quoted(q->field), quoted(q->new_field), quoted(strchr(q->ns, '.') + 1), quoted(q->into ? strchr(q->into, '.') + 1 : NULL)};
    int rc = !n.field || !n.fresh || !n.coll || !n.into ? -1 : 0;
    if (rc == 0 && q->change == SB_CHANGE_RENAME && phase == 0)
        rc = write_both(&n, card);
    else if (rc == 0 && q->change == SB_CHANGE_RENAME && phase == 2)
        rc = read_new(q, &n, card);
    else if (rc == 0 && q->change == SB_CHANGE_REMOVE && phase == 0)
        rc = stop_writing(&n, card);
    else if (rc == 0 && q->change == SB_CHANGE_RETYPE && phase == 0)
        rc = write_type(q, &n, card);
    else if (rc == 0 && q->change == SB_CHANGE_EXTRACT && phase == 0)
        rc = write_pair(&n, card);
    else if (rc == 0 && q->change == SB_CHANGE_EXTRACT && phase == 2)
        rc = read_pair(&n, card);
    else if (rc == 0 && q->change == SB_CHANGE_EMBED && phase == 0)
        rc = write_copy(q, &n, card);
    free(n.into);
    free(n.field);
    free(n.fresh);
    free(n.coll);
    return rc;
}

/* A measurement goes into the time series first: what is in the old collection is in both then, and a copy puts nothing there twice. */
static int write_series(const struct names *n, struct sb_card *card)
{
    return note(card, "Node.js: insert into both, the time series first, with one _id",
                sb_format("const measurement = { _id: new ObjectId(), ...doc };\n"
                          "await db.collection(%s).insertOne(measurement);\n"
                          "await db.collection(%s).insertOne(measurement);",
                          n->into, n->coll)) ||
                   note(card, "Python: insert into both, the time series first, with one _id",
                        sb_format("measurement = {\"_id\": ObjectId(), **doc}\n"
                                  "db[%s].insert_one(measurement)\n"
                                  "db[%s].insert_one(measurement)",
                                  n->into, n->coll))
               ? -1
               : 0;
}

static int copy_series(const struct names *n, struct sb_card *card)
{
    return note(card, "Node.js: copy what is not there yet; one of these at a time",
                sb_format("const old = db.collection(%s), series = db.collection(%s);\n"
                          "for (let last; ; ) {\n"
                          "  const docs = await old.find(last === undefined ? {} : { _id: { $gt: last } }).sort({ _id: 1 }).limit(500).toArray();\n"
                          "  if (!docs.length) break;\n"
                          "  const times = docs.map((d) => +d[%s]), ids = docs.map((d) => d._id);\n"
                          "  const range = { $gte: new Date(Math.min(...times)), $lte: new Date(Math.max(...times)) };\n"
                          "  const there = new Set(await series.find({ [%s]: range, _id: { $in: ids } }).map((d) => EJSON.stringify(d._id)).toArray());  // EJSON from \"bson\"\n"
                          "  const fresh = docs.filter((d) => !there.has(EJSON.stringify(d._id)));\n"
                          "  if (fresh.length) await series.insertMany(fresh);\n"
                          "  last = docs[docs.length - 1]._id;\n"
                          "}",
                          n->coll, n->into, n->field, n->field)) ||
                   note(card, "Python: copy what is not there yet; one of these at a time",
                        sb_format("old, series, last = db[%s], db[%s], None\n"
                                  "while docs := list(old.find({} if last is None else {\"_id\": {\"$gt\": last}}).sort(\"_id\", 1).limit(500)):\n"
                                  "    times, ids = [d[%s] for d in docs], [d[\"_id\"] for d in docs]\n"
                                  "    found = series.find({%s: {\"$gte\": min(times), \"$lte\": max(times)}, \"_id\": {\"$in\": ids}}, {\"_id\": 1})\n"
                                  "    there = {bson.encode({\"_id\": d[\"_id\"]}) for d in found}  # import bson\n"
                                  "    fresh = [d for d in docs if bson.encode({\"_id\": d[\"_id\"]}) not in there]\n"
                                  "    if fresh:\n"
                                  "        series.insert_many(fresh)\n"
                                  "    last = ids[-1]",
                                  n->coll, n->into, n->field, n->field))
               ? -1
               : 0;
}

static int read_series(const struct names *n, struct sb_card *card)
{
    return note(card, "Node.js: read the time series, then write it alone",
                sb_format("const found = await db.collection(%s).find({ [%s]: { $gte: from, $lt: to } }).toArray();  // first: wherever it is read\n"
                          "await db.collection(%s).insertOne(doc);  // then: wherever it is written",
                          n->into, n->field, n->into)) ||
                   note(card, "Python: read the time series, then write it alone",
                        sb_format("found = list(db[%s].find({%s: {\"$gte\": start, \"$lt\": end}}))  # first: wherever it is read\n"
                                  "db[%s].insert_one(doc)  # then: wherever it is written",
                                  n->into, n->field, n->into))
               ? -1
               : 0;
}

int sb_change_series_code(const struct sb_change_question *q, size_t phase, struct sb_card *card)
{
    struct names n = {quoted(q->field), quoted(q->new_field), quoted(strchr(q->ns, '.') + 1), quoted(q->into ? strchr(q->into, '.') + 1 : NULL)};
    int rc = !n.field || !n.fresh || !n.coll || !n.into ? -1 : phase == 0 ? write_series(&n, card) : phase == 1 ? copy_series(&n, card) : read_series(&n, card);
    free(n.into);
    free(n.field);
    free(n.fresh);
    free(n.coll);
    return rc;
}
