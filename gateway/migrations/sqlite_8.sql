-- How long a complaint waited for the core CRM: its first reply, the status that ended it, and the end as done (Selesai, not
-- refused or handled elsewhere). A complaint that is taken up again has neither of the last two.
ALTER TABLE correspondence ADD COLUMN first_reply_at INTEGER;
ALTER TABLE correspondence ADD COLUMN closed_at INTEGER;
ALTER TABLE correspondence ADD COLUMN done_at INTEGER;
UPDATE correspondence SET
  first_reply_at = (SELECT min(at) FROM reply WHERE reply.serial = correspondence.serial AND occasion = 'reply'),
  closed_at = CASE WHEN status IN ('Selesai', 'Ditolak', 'Duplikat') THEN status_at END,
  done_at = CASE status WHEN 'Selesai' THEN status_at END;
