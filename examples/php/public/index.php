<?php
// A chat: users by the session of PHP, messages in a table. It works without Teamboard as well.
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax']);
$database = pg_connect(getenv('DATABASE_URL'));
$teamboard = getenv('TEAMBOARD_URL') ?: 'http://127.0.0.1:3000';
['id' => $id, 'name' => $name] = $_SESSION + ['id' => null, 'name' => null];
$asks = fn(string $field): string => trim(is_string($_POST[$field] ?? null) ? $_POST[$field] : '');

/** Without a password, so that two windows are soon two people. */
if ($asks('name') !== '') {
    session_regenerate_id(true);
    $_SESSION = ['id' => bin2hex(random_bytes(8)), 'name' => substr($asks('name'), 0, 60)];
}

/** One statement, which tells Teamboard whose it is, and which page knows of it already. */
if ($id !== null && $asks('text') !== '') {
    $values = [$name, $asks('text'), "application $id", substr($_SERVER['HTTP_STREAM_ID'] ?? '', 0, 36)];
    $sql = "insert into messages (name, text) select $1, $2 from (
        select set_config('teamboard.actor', $3, true), set_config('teamboard.stream_id', $4, true)) told returning *";
    $message = pg_fetch_assoc(pg_query_params($database, $sql, $values));
}

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    if (isset($_SERVER['HTTP_X_REQUESTED_WITH'])) {
        http_response_code(isset($message) ? 200 : 400);
        header('Content-Type: application/json');
        exit(json_encode($message ?? null));
    }
    header('Location: /', true, 303);
    exit();
}

$messages = pg_fetch_all(pg_query($database, 'select * from messages order by id'));
$html = fn(string $text): string => htmlspecialchars($text);
?>
<!doctype html><html lang="en">
<meta name="viewport" content="width=device-width">
<title>Chat</title>
<link rel="stylesheet" href="/style.css">
<header><h1>Chat</h1><p id="here"></p></header>
<?php if ($id !== null): ?>
  <ul data-stream="<?= $html($teamboard) ?>/boards/~chat:1/events">
    <?php foreach ($messages as $message): ?>
      <li id="message-<?= $message['id'] ?>"><b><?= $html($message['name']) ?></b> <span><?= $html($message['text']) ?></span></li>
    <?php endforeach; ?>
  </ul>
  <form method="post"><input name="text" placeholder="What do you say, <?= $html($name) ?>?" required autofocus> <button>Say</button></form>
  <script type="module" src="/chat.js"></script>
<?php else: ?>
  <form method="post"><input name="name" placeholder="Your name" required maxlength="60" autofocus> <button>Come in</button></form>
<?php endif; ?>
