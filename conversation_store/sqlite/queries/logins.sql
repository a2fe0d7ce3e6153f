-- name: insert_login
INSERT INTO logins (login_hash, expires_at) VALUES (:login_hash, :expires_at);

-- name: delete_login
DELETE FROM logins WHERE login_hash = :login_hash;

-- name: delete_old_logins
DELETE FROM logins WHERE expires_at <= :now;

-- name: list_logins
SELECT login_hash, expires_at FROM logins;
