import assert from "node:assert/strict";
import { test } from "node:test";
import { TextPlaces } from "./text_places.ts";

test("TextPlaces counts lines and columns from 1, and leads back to the offset", () => {
  const text = "ab\n\ncd\n";
  const places = new TextPlaces(text);
  const expected = ["1:1", "1:2", "1:3", "2:1", "3:1", "3:2", "3:3", "4:1"];
  for (const [offset, wanted] of expected.entries()) {
    const { line, column } = places.placeOf(offset);
    assert.equal(`${line}:${column}`, wanted);
    assert.equal(places.offsetOf(line, column), offset);
  }
});
