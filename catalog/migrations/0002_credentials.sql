-- How users and services show that it is them. Nothing here lets anybody in: of a token there is its digest, of a
-- password its hash. Both go with their principal.

CREATE TABLE access_token (
    key           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    principal_key INTEGER NOT NULL REFERENCES principal ON DELETE CASCADE,
    digest        TEXT    NOT NULL UNIQUE, -- BLAKE3 of the token, in hexadecimal
    created_by    TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX access_token_by_principal ON access_token (principal_key);

CREATE TABLE password (
    principal_key INTEGER PRIMARY KEY REFERENCES principal ON DELETE CASCADE,
    hash          TEXT    NOT NULL,        -- in PHC form, with its salt and parameters
    set_by        TEXT    NOT NULL,
    set_at        INTEGER NOT NULL
) STRICT;
