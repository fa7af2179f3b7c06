<?php
// Teamboard asks here who has sent it a cookie (AUTH_URL), and what that user may read.
session_start(['read_and_close' => true]);
$user = isset($_SESSION['id']) ? ['id' => $_SESSION['id'], 'name' => $_SESSION['name']] : null;
header('Content-Type: application/json');
echo json_encode(['user' => $user, 'boards' => (object) ($user ? ['~chat:1' => 'viewer'] : [])]);
