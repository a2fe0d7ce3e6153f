-- Without them each row that is deleted has what refers to it looked for in the whole table.
CREATE INDEX turns_by_previous ON turns (conversation_id, previous_seq);
CREATE INDEX approvals_by_conversation ON approvals (conversation_id);
