'use strict';

// What the helpers for keys refuse; tests/test_node_client.py holds what they find to the server's.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { compatible, distance, parseKey, smoothPath, writeKey } = require('../keys.js');

const CALLS = [
  (key) => parseKey(key),
  (key) => compatible(key),
  (key) => distance(key, '8A'),
  (key) => distance('8A', key),
  (key) => smoothPath(['8A', key]),
  (key) => writeKey(key),
];

test('a string that is no key is out of range', () => {
  const wrong = ['', '0A', '13A', '008A', '8', '8C', '8AB', '1M', 'H', 'Am/C', 'm', '8A\0B'];
  for (const call of CALLS) {
    for (const key of wrong) {
      const message = `not a key: ${JSON.stringify(key)}`;
      assert.throws(() => call(key), { name: 'RangeError', message });
    }
  }
});

test('what is no string is of the wrong type, and so is a path through no array', () => {
  for (const call of CALLS) {
    for (const key of [undefined, null, 8, ['8A'], { camelot: '8A' }]) {
      assert.throws(() => call(key), { name: 'TypeError', message: 'a key is a string' });
    }
  }
  for (const keys of [undefined, '8A', { 0: '8A', length: 1 }]) {
    assert.throws(() => smoothPath(keys), { name: 'TypeError', message: 'keys must be an array' });
  }
  assert.throws(() => smoothPath(Array(2)), TypeError);
});

test('a list of keys is left as it is', () => {
  const keys = Object.freeze(['3B', '8A', '3B', '7A']);
  assert.deepEqual(smoothPath(keys), [0, 2, 3, 1]);
});

test('a key is written in no notation or spelling but those of the server', () => {
  for (const style of [{ notation: 'german' }, { spelling: 'german' }, { notation: null }]) {
    assert.throws(() => writeKey('8A', style), { name: 'RangeError', message: /^not a / });
  }
  assert.equal(writeKey('1A'), 'Ab minor/G# minor');
  assert.equal(writeKey('1A', { notation: 'short', spelling: undefined }), 'Abm');
  assert.equal(writeKey('Eb minor', { notation: 'short' }), 'Ebm');
});

test('every function reads every notation, and answers in Camelot', () => {
  assert.deepEqual(compatible('a minor'), compatible('8A'));
  assert.equal(compatible(' 08a')[0].camelot, '8A');
  assert.equal(distance('Am', 'E minor'), 1);
  assert.deepEqual(smoothPath(['3B', 'Am', 'Db', '7A', '1m']), smoothPath(['3B', '8A', '3B', '7A', '8A']));
});
