SELECT l.log_id, l.epoch, l.base_stamp, l.replica, l.is_new FROM veritrail.lock_log($1::text, $2::text) AS l
