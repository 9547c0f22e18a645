"""What make.py turns into vectors: events as they are received, numbers, and texts that must be refused."""


def event(data, guid="e-1", rest="", timestamp="2026-03-01T07:30:00Z"):
    return (f'{{"guid":"{guid}","entityGuid":"person-1","type":"create-individual","data":{data},'
            f'"timestamp":"{timestamp}","userId":"ana"{rest}}}')


EVENTS = [
    ("plain", event('{ "name" : "Mary", "age" : 41.0, "admin" : false }')),
    ("metadata", event('{"name":"Mary"}', "e-2", ',"syncLevel":1,"metadata":{"form":"census","device":{"os":"x","id":7}}')),
    ("context, migratedFrom and unknown members join the metadata",
     event('{"name":"Mary"}', "e-3", ',"context":{"reason":"visit","sessionId":null,"correlationId":"c-1"},'
           '"migratedFrom":1,"gps":{"lat":52.5,"lon":13.4},"note":null,"metadata":{"form":"census"}')),
    ("a number that careless readers miss by one unit",
     event('{"weight":130.65331632653061}', "e-4", ',"schemaVersion":2,"metadata":{"scale":0.1}')),
    ("large and small numbers",
     event('{"a":1e21,"b":1E-7,"c":5e-324,"d":1.7976931348623157e308,"e":9007199254740991,"f":-0.0,"g":100.0,'
           '"h":123456789012345680000,"i":-1e-6,"j":0.1e1,"k":1e23,"l":[333333333.33333329,-1.5,4.50,2e-3]}', "e-5")),
    ("members are sorted by UTF-16 code units",
     event(r'{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",'
           r'"\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",'
           r'"":"empty","B":1,"a":2,"\uffff":3}', "e-6")),
    ("strings keep the shortest escapes",
     event(r'{"text":"\"\\\/\b\f\n\r\t\u0001\u001f\u007f\u2028<\/script>\u00e9\ud834\udd1e é𝄞"}', "e-7")),
    ("identifiers are any text",
     '{"guid":"e-8 \\u00e9/\\ud83d\\ude00|\\"","entityGuid":"Pärson \\\\ 1","type":"über:type","data":{"n":null},'
     '"timestamp":"2026-03-01T07:30:00Z","userId":"ana@example.com"}'),
    ("six fraction digits", event('{"n":1}', "e-9", timestamp="2026-03-01T07:30:00.123456Z")),
    ("a zone is turned into UTC", event('{"n":1}', "e-10", timestamp="2026-03-01T01:15:00.25+05:45")),
    ("schemaVersion", event('{"n":1}', "e-11", ',"schemaVersion":3')),
    ("version is read as schemaVersion", event('{"n":1}', "e-12", ',"version":0,"syncLevel":2')),
    ("empty data and empty metadata", event("{}", "e-13", ',"metadata":{}')),
    ("the first year", event('{"n":1}', "e-14", timestamp="0001-01-01T00:00:00.000001Z")),
    ("the last year", event('{"n":1}', "e-15", timestamp="9999-12-31T23:59:59.999999Z")),
    ("null members count as absent",
     event('{"n":null}', "e-16", ',"schemaVersion":null,"metadata":null,"context":null,"syncLevel":null')),
    ("a member beside the metadata replaces the one within",
     event('{"deep":[[],[[{"x":[true,{}]}]]]}', "e-17", ',"context":{"source":"import"},'
           '"metadata":{"context":{"source":"web"},"z":1}')),
]

NUMBERS = [
    "0", "-0", "0.0", "1", "-1", "1.0", "10", "1e2", "1.5E+3", "0.5", "-0.25", "130.65331632653061", "1e20", "1e21",
    "123456789012345680000", "0.000001", "0.0000001", "1e-7", "5e-324", "2.2250738585072014e-308",
    "1.7976931348623157e308", "9007199254740991", "9007199254740992", "-9007199254740992", "333333333.33333329",
    "4.50", "2e-3", "0.000000000000000000000000001", "9.9999999999999990e22", "1e23", "0e400", "0.30000000000000004",
]

REFUSED = [
    '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', "9007199254740993",
    "1000000000000000000000", "123456789012345678", "0.123456789012345678", "1e400", "1e-400", "NaN", "Infinity",
    "01", "1.", "+1", "[1,]", "{'a':1}", '"\n"', "",
]


def audit(guid, rest="", action="entity.update", timestamp="2026-03-01T07:30:00Z"):
    return f'{{"guid":"{guid}","timestamp":"{timestamp}","action":"{action}"{rest}}}'


AUDIT_ENTRIES = [
    ("the eight members of DataCollect",
     audit("a-1", ',"userId":"ana","eventGuid":"e-1","entityGuid":"person-1","changes":{ "name" : "Mary", "age" : 41.0 },'
           '"signature":""')),
    ("what must be there alone", audit("a-2", action="user.login")),
    ("every member",
     audit("a-3", ',"userId":"ana","eventGuid":"e-3","entityGuid":"person-1","changes":{"name":"Mary"},'
           '"organizationId":"registry of Lune","targetResourceType":"form","targetResourceId":"census/7","status":"failure",'
           '"outcomeDescription":"The form\\nwas \\"closed\\".","details":{"ip":"10.0.0.7","agent":{"os":"x"}},"ttl":"P5Y",'
           '"eventVersion":"1.0","correlationId":"c-1","dataClassification":"PHI","retentionPolicy":"standard",'
           '"processingLatency":2147483647')),
    ("a number that careless readers miss by one unit",
     audit("a-4", ',"userId":"ana","changes":{"weight":130.65331632653061},"details":{"weight":130.65331632653061}')),
    ("unknown members join the details",
     audit("a-5", ',"details":{"form":"census"},"device":{"id":7},"note":null,"weight":130.65331632653061')),
    ("unknown members alone", audit("a-6", ',"device":"tablet"')),
    ("a description without details", audit("a-7", ',"status":"attempt","outcomeDescription":""')),
    ("empty objects", audit("a-8", ',"changes":{},"details":{}')),
    ("principalId is read as userId", audit("a-9", ',"principalId":"ana","processingLatency":0.0')),
    ("null members count as absent",
     audit("a-10", ',"userId":null,"changes":null,"details":null,"status":null,"organizationId":null,"signature":null,'
           '"hash":null,"archivedAt":null')),
    ("what a log has added is no content",
     audit("a-11", ',"hash":"' + "ab" * 32 + '","hashAlgorithm":"SHA-256","signature":"somebody AAAA",'
           '"archivedAt":"2026-03-02T00:00:00Z"')),
    ("texts are any text", audit("\\u00e9/\\ud83d\\ude00|\\\"", ',"userId":"Pärson \\\\ 1","targetResourceId":"\\u20ac"',
                                 action="über:action")),
    ("a zone is turned into UTC", audit("a-13", timestamp="2026-03-01T01:15:00.25+05:45")),
]

ACCOUNT = {"tableOid": 16439, "tableSchema": "public", "tableName": "account"}
MARY, JOHN = "57ca384e-f24c-5af5-b361-a057aeac506c", "0f3e2b7a-6c1d-5b8e-9f40-1a2b3c4d5e6f"

CHANGES = [
    ("an insert", ACCOUNT | {"id": "1", "recordId": MARY, "op": "INSERT", "ts": "2026-03-01T12:59:00.000000Z",
                             "record": '{"id": 1, "name": "Foo Barsworth"}'}),
    ("an update by somebody", ACCOUNT | {
        "id": "2", "recordId": MARY, "oldRecordId": MARY, "op": "UPDATE", "ts": "2026-03-01T12:59:00.000001Z",
        "record": '{"id": 1, "name": "Foo Barsworht III"}', "oldRecord": '{"id": 1, "name": "Foo Barsworth"}',
        "userId": "ana", "context": '{"reason": "visit"}', "databaseRole": "registry", "applicationName": "psql",
        "clientAddress": "10.0.0.7/32", "transactionId": "18446744073709551615"}),
    ("a delete", ACCOUNT | {"id": "3", "oldRecordId": MARY, "op": "DELETE", "ts": "2026-03-01T12:59:00.000002Z",
                            "oldRecord": '{"id": 1, "name": "Foo Barsworth III"}'}),
    ("a truncation", ACCOUNT | {"id": "4", "op": "TRUNCATE", "ts": "2026-03-01T12:59:00.000003Z"}),
    ("a key that no double holds, and a number that careless readers miss", ACCOUNT | {
        "id": "9223372036854775807", "recordId": JOHN, "op": "INSERT", "ts": "2026-03-01T12:59:01.000000Z",
        "tableOid": 4294967295, "tableName": "Überweisung",
        "record": '{"id": 9007199254740993, "weight": 130.65331632653061, "amount": 1.10}'}),
]
