// SPDX-License-Identifier: Apache-2.0
//
// schema_oracle.js MODULES FILE.bson: what the npm package mongodb-schema says of the documents of a file, a JSON object: for
// each field "ARRAYS NAMES" (the arrays on the way, the names as a JSON array), its probability, whether it has duplicates, and its types
// by the server's names, each with its probability; of an array also those of its elements. Int32, Long and Double are kept
// apart (promoteValues: false), as the server does.
'use strict';
const fs = require('fs');
const path = require('path');
const [modules, file] = process.argv.slice(2);
const {deserialize} = require(path.join(modules, 'bson'));
const {parseSchema} = require(path.join(modules, 'mongodb-schema'));

const NAMES = {
  Double: 'double', String: 'string', Document: 'object', Array: 'array', Binary: 'binData', Undefined: 'undefined', ObjectId: 'objectId',
  Boolean: 'bool', Date: 'date', Null: 'null', BSONRegExp: 'regex', DBRef: 'dbPointer', Code: 'javascript', BSONSymbol: 'symbol',
  CodeWScope: 'javascriptWithScope', Int32: 'int', Timestamp: 'timestamp', Long: 'long', Decimal128: 'decimal', MinKey: 'minKey', MaxKey: 'maxKey',
};

function* documents(bytes) {
  for (let at = 0; at < bytes.length;) {
    const n = bytes.readInt32LE(at);
    yield deserialize(bytes.subarray(at, at + n), {promoteValues: false, bsonRegExp: true});
    at += n;
  }
}

const out = {};

function typesOf(types) {
  return types.map(t => ({type: NAMES[t.bsonType], probability: t.probability, ...(t.types ? {types: typesOf(t.types)} : {})}));
}

function inside(types, names, arrays) {
  for (const t of types) {
    if (t.fields) walk(t.fields, names, arrays);
    if (t.types) inside(t.types, names, arrays + 1);
  }
}

function walk(fields, names, arrays) {
  for (const f of fields) {
    const here = [...names, f.name];
    out[arrays + ' ' + JSON.stringify(here)] = {probability: f.probability, has_duplicates: f.hasDuplicates, types: typesOf(f.types)};
    inside(f.types, here, arrays);
  }
}

(async () => {
  const schema = await parseSchema(documents(fs.readFileSync(file)));
  walk(schema.fields, [], 0);
  process.stdout.write(JSON.stringify({count: schema.count, fields: out}));
})();
