#include "modules/mysql_replication/engine/provision/donor.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <mysql.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "agent/data/filesync/store/kept_file.hpp"
#include "modules/mysql_replication/engine/dialect/dialect.hpp"
#include "modules/mysql_replication/engine/provision/child.hpp"
#include "modules/mysql_replication/engine/provision/scratch_server.hpp"
#include "modules/mysql_replication/engine/server/connection.hpp"

namespace clusteragent::mysql {
namespace {

namespace fs = std::filesystem;

constexpr int accept_interval_ms = 250;
constexpr Duration listen_interval = std::chrono::seconds{5};
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr Duration tool_limit = std::chrono::hours{24};
constexpr Duration help_limit = std::chrono::seconds{10};
constexpr Duration pace_step = std::chrono::milliseconds{50};
constexpr const char* login_file = "backup.cnf";

/// A number, because files come and go under the walk.
std::uint64_t bytes_below(const std::string& folder, const std::string& log_name) {
  std::uint64_t bytes = 0;
  std::error_code problem;
  for (fs::recursive_directory_iterator at{folder, fs::directory_options::skip_permission_denied, problem}, end;
       !problem && at != end; at.increment(problem)) {
    std::error_code ignored;
    const std::string name = at->path().filename().string();
    // What the backup leaves out, or has in another size.
    const bool is_log = (!log_name.empty() && name.starts_with(log_name + ".")) || name.starts_with("ib_logfile") ||
                        name.starts_with("ibtmp");
    if (!is_log && at->is_regular_file(ignored)) bytes += at->file_size(ignored);
  }
  return bytes;
}

CopyMeans means_here(Family family, const std::vector<std::string>& plugins) {
  CopyMeans means;
  means.has_backup_tool = has_program("mariadb-backup");
  means.has_loader = has_program(programs_of(family).dump);
  for (const std::string& each : plugins) means.has_clone = means.has_clone || each.starts_with("clone=");
  return means;
}

/// Oracle's tool has got new names for old options.
bool has_option(const std::string& program, const std::string& option, const std::string& work_folder) {
  const std::string said = work_folder + "/dump-help.log";
  const std::atomic<bool> never = false;
  const Status helped = run_child({.words = {program, "--no-defaults", "--help"}, .log_path = said}, help_limit, never);
  std::ifstream file{said};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  return helped && text.find(option) != std::string::npos;
}

/// Of everything, as it is at one moment, with where that is in the log. Where the moment is chosen no commit goes on,
/// for as long as that takes; then the tables are read beside the applications.
std::vector<std::string> dump_words(Family family, const std::string& defaults, const std::string& work_folder) {
  std::vector<std::string> words{programs_of(family).dump,
                                 defaults,
                                 "--all-databases",
                                 "--single-transaction",
                                 "--routines",
                                 "--events",
                                 "--triggers",
                                 "--hex-blob",
                                 "--max-allowed-packet=1G"};
  if (family == Family::mariadb) {
    words.insert(words.end(), {"--gtid", "--master-data=1"});
    return words;
  }
  words.insert(words.end(),
               {"--set-gtid-purged=ON",
                has_option(words.front(), "--source-data", work_folder) ? "--source-data=2" : "--master-data=2"});
  return words;
}

std::string option_text(const std::string& value) {
  std::string text = "\"";
  for (const char letter : value) {
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter;
  }
  return text + "\"";
}

}  // namespace

Donor::Donor(const Options& options, const Accounts& accounts, Note note)
    : options_{options}, accounts_{accounts}, note_{std::move(note)}, keys_{options.keys}, thread_{[this] { run(); }} {}

Donor::~Donor() {
  is_ending_ = true;
  thread_.join();
}

void Donor::set_keys(std::vector<filesync::SharedKey> keys) {
  const std::lock_guard lock{mutex_};
  keys_ = std::move(keys);
}

std::vector<filesync::SharedKey> Donor::keys() const {
  const std::lock_guard lock{mutex_};
  return keys_;
}

void Donor::run() {
  mysql_thread_init();
  auto tried = std::chrono::steady_clock::time_point{};
  std::string said;
  Result<platform::Fd> listening = Error{ErrorCode::system, ""};
  while (!is_ending_) {
    if (!listening) {
      if (std::chrono::steady_clock::now() - tried > listen_interval) {
        tried = std::chrono::steady_clock::now();
        listening = filesync::Channel::listen(options_.own_address, options_.copy_port);
        if (!listening && said != listening.error().message)
          note_('C', "the other node cannot be provisioned from here: " + listening.error().message);
        said = listening ? "" : listening.error().message;
      }
      std::this_thread::sleep_for(pace_step);
      continue;
    }
    pollfd one{listening->number(), POLLIN, 0};
    if (::poll(&one, 1, accept_interval_ms) <= 0) continue;
    platform::Fd socket{::accept4(listening->number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) continue;
    auto channel = filesync::Channel::accept(std::move(socket), channel_options(keys(), &is_ending_));
    // Whoever has not the key: to be heard of, and nothing else.
    if (channel)
      serve(**channel);
    else
      note_('E', "a connection for a copy was refused: " + channel.error().message);
  }
  mysql_thread_end();
}

void Donor::serve(filesync::Channel& channel) {
  is_over_ = is_other_ready_ = is_cloned_ = false;
  std::thread pump_thread;
  const auto refuse = [&channel](const std::string& why) {
    channel.send({.op = filesync::Op::refusal}, bytes_of(why));
  };
  channel.run(
      [&](const filesync::Head& head, std::span<const std::byte> payload) {
        if (head.op == filesync::Op::ack) is_other_ready_ = true;
        if (head.op == filesync::Op::copied) is_cloned_ = true;
        if (head.op != filesync::Op::hello || pump_thread.joinable()) return;
        const auto said = read_hello(text_of(payload));
        if (!said) return refuse(said.error().message);
        if (!is_leading_) return refuse("this node does not lead");
        other_ = *said;
        pump_thread = std::thread{[this, &channel] {
          mysql_thread_init();
          pump(channel);
          mysql_thread_end();
        }};
      },
      [&] {
        if (is_ending_) channel.close("the engine ends");
        if (!is_leading_) channel.close("this node no longer leads");
      });
  is_over_ = true;
  if (pump_thread.joinable()) pump_thread.join();
  sent_bytes_ = 0;
}

void Donor::pump(filesync::Channel& channel) {
  const Status sent = send_copy(channel);
  ::unlink((options_.state_path + "/" + login_file).c_str());
  if (sent) {
    channel.send({.op = filesync::Op::copy_end}, {});
    note_('E', "the other node has got a copy of this server's data" +
                   (sent_bytes_ > 0 ? fmt::format(", {:.0f} MB", static_cast<double>(sent_bytes_) / 1e6) : ""));
    return;
  }
  channel.send({.op = filesync::Op::failure}, bytes_of(sent.error().message));
  if (!is_over_) note_('C', "cannot copy this server's data to the other node: " + sent.error().message);
}

Result<CopyHead> Donor::look_at_server(std::string& login) const {
  auto connection = Connection::open(
      {.socket = options_.socket, .address = options_.own_address, .port = options_.port, .accounts = accounts_});
  if (!connection) return connection.error();
  std::string question = "SELECT @@version AS version, @@datadir AS path, @@log_bin_basename AS log";
  for (const char* name : data_settings) question += fmt::format(", @@{0} AS {0}", name);
  const auto rows = connection->query(question);
  if (!rows) return rows.error();
  if (rows->empty()) return Error{ErrorCode::corrupt, "the server does not say where its data are"};
  const Row& row = rows->front();
  const std::string data_directory = mysql::text_of(row, "path");
  CopyHead head;
  head.version = mysql::text_of(row, "version");
  head.bytes = bytes_below(data_directory, fs::path{mysql::text_of(row, "log")}.filename().string());
  for (const char* name : data_settings) head.settings[name] = mysql::text_of(row, name);
  const auto dialect = dialect_of(head.version);
  if (!dialect) return dialect.error();
  const Family family = (*dialect)->family();
  const auto plugins = connection->query(
      "SELECT CONCAT(PLUGIN_NAME, '=', PLUGIN_LIBRARY) AS plugin FROM information_schema.PLUGINS"
      " WHERE PLUGIN_STATUS = 'ACTIVE' AND PLUGIN_LIBRARY IS NOT NULL");
  if (!plugins) return plugins.error();
  for (const Row& each : *plugins) head.plugins.push_back(mysql::text_of(each, "plugin"));
  if (family == Family::mariadb) {
    const auto state = connection->query("SELECT @@gtid_binlog_state AS state");
    if (!state) return state.error();
    head.log_state = state->empty() ? "" : mysql::text_of(state->front(), "state");
  }
  const auto method = choose_copy(family, means_here(family, head.plugins), other_);
  if (!method) return method.error();
  head.method = *method;
  if (head.method == CopyMethod::dump) {
    const auto size = connection->query("SELECT SUM(DATA_LENGTH) AS bytes FROM information_schema.TABLES");
    if (size && !size->empty()) head.bytes_sent = number_of(size->front(), "bytes");
  }
  const std::string who = fmt::format("user={}\npassword={}\nsocket={}\n", option_text(accounts_.agent.user),
                                      option_text(accounts_.agent.password), option_text(options_.socket));
  login = fmt::format("[mariabackup]\n{0}datadir={1}\n[client]\n{0}", who, option_text(data_directory));
  return head;
}

Status Donor::wait_for(const std::atomic<bool>& said) const {
  while (!said && !is_over_) std::this_thread::sleep_for(pace_step);
  return said ? success() : Status{Error{ErrorCode::unreachable, "the connection ended"}};
}

Status Donor::send_copy(filesync::Channel& channel) {
  std::string login;
  const auto head = look_at_server(login);
  if (!head) return head.error();
  note_('E', fmt::format("the other node is provisioned from this one, about {:.0f} MB, by {}",
                         static_cast<double>(head->bytes) / 1e6, text_of(head->method)));
  channel.send({.op = filesync::Op::welcome}, bytes_of(write_head(*head)));
  if (head->method == CopyMethod::clone) return wait_for(is_cloned_);
  if (const Status kept = filesync::keep_file(options_.state_path, login_file, login); !kept) return kept;
  const std::string defaults = "--defaults-file=" + options_.state_path + "/" + login_file;
  if (head->method == CopyMethod::backup) {
    return send_output(channel, {"mariadb-backup", defaults, "--backup", "--stream=mbstream",
                                 "--target-dir=" + options_.state_path + "/backup"});
  }
  if (const Status ready = wait_for(is_other_ready_); !ready) return ready;
  const bool is_mariadb = head->version.find("MariaDB") != std::string::npos;
  return send_output(channel, dump_words(is_mariadb ? Family::mariadb : Family::oracle, defaults, options_.state_path));
}

Status Donor::send_output(filesync::Channel& channel, std::vector<std::string> words) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error{ErrorCode::system, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  const platform::Fd from{ends[0]};
  platform::Fd to{ends[1]};
  auto tool =
      Child::start({.words = std::move(words), .output = to.number(), .log_path = options_.state_path + "/backup.log"});
  to.reset();
  if (!tool) return tool.error();
  if (const Status sent = send_stream(channel, from.number()); !sent) return sent;
  return tool->wait(tool_limit, is_over_);
}

Status Donor::send_stream(filesync::Channel& channel, int from) {
  std::vector<std::byte> piece(piece_bytes);
  const auto since = std::chrono::steady_clock::now();
  sent_bytes_ = 0;
  for (;;) {
    pollfd one{from, POLLIN, 0};
    if (::poll(&one, 1, accept_interval_ms) == 0 && !is_over_) continue;
    if (is_over_) return Error{ErrorCode::unreachable, "the connection ended"};
    const ssize_t size = ::read(from, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error{ErrorCode::system, fmt::format("cannot read the backup: {}", std::strerror(errno))};
    if (size == 0) return success();
    channel.wait_for_room();
    if (!channel.send({.op = filesync::Op::write}, std::span{piece}.first(static_cast<std::size_t>(size))))
      return Error{ErrorCode::unreachable, "the connection ended"};
    sent_bytes_ += static_cast<std::uint64_t>(size);
    keep_pace(sent_bytes_, since);
  }
}

void Donor::keep_pace(std::uint64_t bytes, std::chrono::steady_clock::time_point since) const {
  if (options_.copy_bytes_per_second == 0) return;
  const std::chrono::duration<double> due{static_cast<double>(bytes) /
                                          static_cast<double>(options_.copy_bytes_per_second)};
  while (!is_over_ && std::chrono::steady_clock::now() - since < due) std::this_thread::sleep_for(pace_step);
}

}  // namespace clusteragent::mysql
