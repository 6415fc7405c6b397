-- What SQLite has and PostgreSQL has not, so that a statement is written once.
CREATE OR REPLACE FUNCTION max(one BIGINT, other BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE
  AS 'SELECT greatest(one, other)';
CREATE OR REPLACE FUNCTION instr(text TEXT, part TEXT) RETURNS INTEGER LANGUAGE sql IMMUTABLE
  AS 'SELECT strpos(text, part)';
CREATE OR REPLACE FUNCTION hex(bytes BYTEA) RETURNS TEXT LANGUAGE sql IMMUTABLE
  AS 'SELECT upper(encode(bytes, ''hex''))';
CREATE OR REPLACE FUNCTION hex(text TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE
  AS 'SELECT upper(encode(convert_to(text, ''UTF8''), ''hex''))';
CREATE OR REPLACE FUNCTION unixepoch() RETURNS BIGINT LANGUAGE sql STABLE
  AS 'SELECT extract(epoch FROM now())::BIGINT';
-- only for paths like $.name
CREATE OR REPLACE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE
  AS 'SELECT document::JSON ->> substr(path, 3)';
-- only for lists of texts
CREATE OR REPLACE FUNCTION json_each(list TEXT) RETURNS TABLE (value TEXT) LANGUAGE sql IMMUTABLE
  AS 'SELECT json_array_elements_text(list::JSON)';
