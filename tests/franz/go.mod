module gregor/franz

go 1.21
