// The local Supabase of the tests lives for seconds: its WebAssembly is compiled by V8's quick
// compiler alone. The other one, which looks at each busy function again, pays in minutes; until
// then it takes as much processor time as all the rest of a start, and 500 MB. Node takes no such
// flags in NODE_OPTIONS, but a program to load first.
const v8 = require("node:v8");

for (const flag of ["--liftoff-only", "--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]) {
  v8.setFlagsFromString(flag);
}
