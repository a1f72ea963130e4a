/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subscribed lists over real folders and a real store: accepted, kept, refused, remembered across restarts.
 * And the prober's loop on top: a changed file is picked up, a signal ends it. */
#include "signing.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "steering/lists.h"
#include "steering/prober.h"
#include "steering/state.h"

#define ADDRESS "\"93.184.216.34\""

struct fixture {
    struct world w;
    char dir[64], feed[80], url[96], root[96];
    const char *urls[1];
    struct conf_list list;
    struct conf conf;
    struct shm *shm;
    struct lists *lists;
    struct bytes delegations;
};

static void publish(struct fixture *f, unsigned version, unsigned seq, const char *names)
{
    const char *reg = registration_text(&f->w, "outlet.example", seq, names, ADDRESS, "");
    const char *text =
        list_text(&f->w, version, f->delegations, (const char *)SEAL(&f->w, reg, &f->w.outlet).data);
    put_file(f->feed, "delegations.json", f->delegations);
    put_file(f->feed, "list.json", SEAL(&f->w, text, &f->w.publisher));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    world_init(&f->w);
    strcpy(f->dir, "/tmp/polynya-lists-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->feed, sizeof f->feed, "%s/feed", f->dir);
    snprintf(f->url, sizeof f->url, "file:%s/", f->feed);
    snprintf(f->root, sizeof f->root, "%s/root-1.json", f->dir);
    char command[128];
    snprintf(command, sizeof command, "mkdir %s", f->feed);
    assert_int_equal(system(command), 0);
    put_file(f->dir, "root-1.json",
             SEAL(&f->w, root_text(&f->w, 1, NOW + 300 * DAY), &f->w.root[0], &f->w.root[1]));
    f->urls[0] = f->url;
    f->list = (struct conf_list){.name = "demo", .urls = f->urls, .url_count = 1, .root = f->root};
    f->conf = (struct conf){.state_dir = f->dir};
    f->conf.steering.lists = &f->list;
    f->conf.steering.list_count = 1;
    f->conf.steering.poll = 60000;
    f->conf.steering.old_after = 3600000;
    f->shm = shm_new();
    f->delegations = SEAL(&f->w, delegations_text(&f->w, 1, site_text(&f->w, "outlet.example", &f->w.outlet)),
                          &f->w.maintainer);
    publish(f, 1, 1, "\"@\"");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    lists_free(&f->lists);
    shm_free(&f->shm);
    snprintf(command, sizeof command, "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    world_fini(&f->w);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    f->lists = lists_new(&f->conf, f->shm, NULL, NULL, NULL, NOW);
    assert_non_null(f->lists);
}

/* Version of the list that has the name in the stored snapshot, 0 if none. */
static uint64_t stored_version(struct fixture *f, const char *text)
{
    struct store *store;
    struct view *v;
    struct health *h;
    struct dns_name name;
    uint8_t secret[STATE_SECRET];
    assert_true(name_from_text(bytes_str(text), &name));
    if (state_open(f->dir, true, &store) != STORE_OK)
        return 0;
    assert_int_equal(state_load_secret(store, secret), STORE_OK);
    assert_int_equal(state_load_snapshot(store, &v, &h), STORE_OK);
    store_close(&store);
    const struct view_site *s = view_find(v, &name);
    uint64_t version = s ? view_site_list(s)->version : 0;
    view_free(&v);
    health_free(&h);
    return version;
}

/* One process never opens an LMDB file twice: the lists are closed before the store is looked at. */
static uint64_t stop_and_look(struct fixture *f, const char *text)
{
    lists_free(&f->lists);
    return stored_version(f, text);
}

static void a_list_is_taken_and_survives_without_its_feed(void **state)
{
    struct fixture *f = *state;
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(shm_load(&f->shm->steering_generation), 2);
    assert_int_equal(stop_and_look(f, "outlet.example"), 1);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", f->feed);
    assert_int_equal(system(command), 0);
    /* A week later, everything but the registration expired: it is still steered. */
    f->lists = lists_new(&f->conf, f->shm, NULL, NULL, NULL, NOW + 7 * DAY);
    lists_update(f->lists, NOW + 7 * DAY, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 1);
}

static void an_expired_registration_leaves_the_snapshot(void **state)
{
    struct fixture *f = *state;
    start(f);
    lists_update(f->lists, NOW, true);
    lists_update(f->lists, NOW + 20 * DAY - 1, false);
    assert_int_equal(stored_version(f, "outlet.example"), 1);
    lists_update(f->lists, NOW + 20 * DAY, false);
    assert_int_equal(stop_and_look(f, "outlet.example"), 0);
}

static void the_same_list_is_not_stored_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    lists_update(f->lists, NOW, true);
    lists_update(f->lists, NOW + 1, true);
    lists_update(f->lists, NOW + 2, false);
    assert_int_equal(shm_load(&f->shm->steering_generation), 2);
    publish(f, 2, 1, "\"@\",\"www\"");
    lists_update(f->lists, NOW + 3, false);
    assert_int_equal(shm_load(&f->shm->steering_generation), 3);
    assert_int_equal(stop_and_look(f, "www.outlet.example"), 2);
}

static void older_lists_are_refused_after_a_restart_too(void **state)
{
    struct fixture *f = *state;
    publish(f, 5, 5, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    lists_free(&f->lists);
    publish(f, 4, 5, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 5);
    /* A newer list with an older registration: that site is lost, the list is not. */
    publish(f, 6, 4, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 0);
    /* Nor does it come back with what is stored. */
    start(f);
    assert_int_equal(stop_and_look(f, "outlet.example"), 0);
    publish(f, 7, 5, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 7);
}

static void a_half_written_list_changes_nothing(void **state)
{
    struct fixture *f = *state;
    start(f);
    lists_update(f->lists, NOW, true);
    put_file(f->feed, "list.json", BYTES_LIT("{\"signed\": \"{\\\"type\\\":\\\"polyn"));
    lists_update(f->lists, NOW, false);
    put_file(f->feed, "list.json", BYTES_LIT(""));
    lists_update(f->lists, NOW, false);
    assert_int_equal(shm_load(&f->shm->steering_generation), 2);
    publish(f, 2, 1, "\"@\"");
    lists_update(f->lists, NOW, false);
    assert_int_equal(stop_and_look(f, "outlet.example"), 2);
}

static void a_new_root_is_walked_to_and_revokes(void **state)
{
    struct fixture *f = *state;
    publish(f, 50, 1, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    struct minisign_secret old = f->w.publisher;
    assert_true(minisign_generate(&f->w.publisher));
    const char *text = root_text(&f->w, 2, NOW + 300 * DAY);
    put_file(f->feed, "root-2.json", SEAL(&f->w, text, &f->w.root[0]));
    lists_update(f->lists, NOW, false);
    assert_int_equal(shm_load(&f->shm->steering_generation), 2);
    put_file(f->feed, "root-2.json", SEAL(&f->w, text, &f->w.root[0], &f->w.root[2]));
    lists_update(f->lists, NOW, false);
    assert_int_equal(stop_and_look(f, "outlet.example"), 0);
    /* The old key's lists are over, also from the stored root on; a new one may begin at a lower version. */
    struct minisign_secret fresh = f->w.publisher;
    f->w.publisher = old;
    publish(f, 9, 1, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 0);
    f->w.publisher = fresh;
    publish(f, 1, 1, "\"@\"");
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 1);
}

static void a_foreign_state_file_is_set_aside(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/prober", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(path, "steering.mdb", BYTES_LIT("this is no database, however long one looks at it"));
    start(f);
    lists_update(f->lists, NOW, true);
    assert_int_equal(stop_and_look(f, "outlet.example"), 1);
    snprintf(path, sizeof path, "%s/prober/steering.mdb.bad", f->dir);
    assert_int_equal(access(path, R_OK), 0);
}

static void an_unreadable_pin_keeps_what_was_accepted(void **state)
{
    struct fixture *f = *state;
    start(f);
    lists_update(f->lists, NOW, true);
    lists_free(&f->lists);
    put_file(f->dir, "root-1.json", BYTES_LIT("{}"));
    start(f);
    assert_int_equal(stop_and_look(f, "outlet.example"), 1);
}

static void a_list_no_longer_configured_is_not_steered(void **state)
{
    struct fixture *f = *state;
    start(f);
    lists_update(f->lists, NOW, true);
    lists_free(&f->lists);
    f->conf.steering.list_count = 0;
    start(f);
    assert_int_equal(stop_and_look(f, "outlet.example"), 0);
}

/* Awaits the counter; the alarm is a test that hangs. */
static void await_generation(struct fixture *f, uint32_t wanted)
{
    for (int i = 0; shm_load(&f->shm->steering_generation) < wanted; i++) {
        assert_true(i < 3000);
        poll(NULL, 0, 10);
    }
}

static void on_ready(void *self)
{
    (void)self;
}

static void the_prober_follows_the_folder(void **state)
{
    struct fixture *f = *state;
    int64_t real_now = (int64_t)time(NULL);
    const char *text = root_text(&f->w, 1, real_now + DAY);
    put_file(f->dir, "root-1.json", SEAL(&f->w, text, &f->w.root[0], &f->w.root[1]));
    char command[128];
    snprintf(command, sizeof command, "rm %s/*", f->feed);
    assert_int_equal(system(command), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        _exit(prober_run(&f->conf, f->shm, NULL, on_ready, NULL));
    await_generation(f, 1);
    f->delegations = SEAL(
        &f->w,
        arena_printf(&f->w.arena,
                     "{\"type\":\"polynya-delegations/1\",\"version\":1,\"expires\":\"%s\",\"sites\":[%s]}",
                     time_text(&f->w, real_now + DAY), site_text(&f->w, "outlet.example", &f->w.outlet)),
        &f->w.maintainer);
    for (unsigned version = 1; version <= 2; version++) {
        uint32_t before = shm_load(&f->shm->steering_generation);
        text = list_text_at(&f->w, version, real_now, real_now + HOUR, 1, f->delegations, "", "{}");
        put_file(f->feed, "delegations.json", f->delegations);
        put_file(f->feed, "list.json", SEAL(&f->w, text, &f->w.publisher));
        await_generation(f, before + 1);
    }
    int status;
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_list_is_taken_and_survives_without_its_feed),
        T(the_same_list_is_not_stored_again),
        T(older_lists_are_refused_after_a_restart_too),
        T(a_half_written_list_changes_nothing),
        T(an_expired_registration_leaves_the_snapshot),
        T(a_new_root_is_walked_to_and_revokes),
        T(a_foreign_state_file_is_set_aside),
        T(an_unreadable_pin_keeps_what_was_accepted),
        T(a_list_no_longer_configured_is_not_steered),
        T(the_prober_follows_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
