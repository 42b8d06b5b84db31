%% A member of a cluster, watched from inside the broker's own machine, where asking costs nothing.
%%
%% Each second: tells the health check how the member is (a file), turns clients away while the cluster's
%% majority cannot be reached (their messages would only wait here) and looks for the others, takes away the queues
%% that ended with their node, and forgets nodes that the lab does not have any more. When `labgen-reload` asks, it
%% takes over who belongs to the cluster. Starts before the broker does, so that it can also say what this is waiting
%% for.
-module(labgen_member).
-export([boot/0, expel/1, farewell/0]).

-define(FILE_, "/run/labgen/member").
-define(WANTED, "/etc/labgen/cluster").
%% What `labgen-reload` asks with, a word, and what it is told: that word, and `ok` or what is in the way.
-define(ASKED, "/run/labgen/member.asked").
-define(TOLD, "/run/labgen/member.told").
%% In the data directory: a majority of the lab's members has been there.
-define(FORMED, "labgen-formed").
-define(SECOND, 1000).
%% Checks in a row without a majority before clients are turned away: others may be electing.
-define(ALONE, 2).
%% Checks in a row in which a node that nobody wants is not there, before it is forgotten.
-define(GONE, 30).

boot() ->
    Wanted = wanted(),
    spawn(fun() -> loop(#{wanted => Wanted, alone => 0, gone => #{}, open => true, done => <<>>,
                        helper => none}) end),
    filelib:is_file(farewell_mark()) andalso begin
        %% The others were told to go on without it.
        _ = file:del_dir_r(data()),
        ok = file:delete(farewell_mark())
    end,
    filelib:is_dir(data()) orelse lists:any(fun leave/1, Wanted -- [node()]),
    rabbit:boot().

wanted() ->
    {ok, Names} = file:read_file(?WANTED),
    [list_to_atom("rabbit@" ++ Name) || Name <- string:lexemes(binary_to_list(Names), " \n")].

data() -> filename:join(os:getenv("RABBITMQ_MNESIA_BASE"), node()).

farewell_mark() -> filename:join(os:getenv("RABBITMQ_MNESIA_BASE"), "labgen-farewell").

write(File, Words) ->
    ok = file:write_file(File ++ ".new", Words),
    ok = file:rename(File ++ ".new", File).

loop(State) ->
    {Word, Next} =
        try check(State)
        catch _:Reason -> {io_lib:format("unwell: ~0tp", [Reason]), State}
        end,
    write(?FILE_, [Word, $\n]),
    After = reload(Next),
    timer:sleep(?SECOND),
    loop(After).

check(State) ->
    case rabbit:is_running() of
        true -> member(State);
        false -> starting(State)
    end.

%% To connect to nodes that are not ready to be a cluster would disturb them: their port mappers are asked instead.
starting(#{wanted := Wanted} = State) ->
    Others = Wanted -- [node()],
    {["starting: ", seen([Node || Node <- Others, is_registered(Node)], Others)], State}.

is_registered(Node) ->
    [Name, Host] = string:lexemes(atom_to_list(Node), "@"),
    case erl_epmd:names(Host) of
        {ok, Names} -> lists:keymember(Name, 1, Names);
        {error, _} -> false
    end.

member(#{wanted := Wanted, alone := Alone} = State) ->
    Members = rabbit_nodes:list_members(),
    Here = here(Members),
    Enough = majority(Here, Members) andalso formed(majority(Here, Wanted)),
    Next = clients(State#{alone := case Enough of true -> 0; false -> Alone + 1 end}),
    case {Enough, Next} of
        {true, #{open := true}} ->
            {["ok: ", seen(Here, Wanted)], forget_gone(Here, Members, sweep(Members -- Here, Next))};
        _ -> {["no majority: ", seen(Here, Wanted)], search(Members -- Here, Next)}
    end.

here(Members) -> [Node || Node <- Members, Node =:= node() orelse lists:member(Node, nodes())].

%% Members come one after the other when a cluster is formed. Later only those count that it has: the lab may want
%% many more, which are yet to come.
formed(Majority) ->
    Mark = filename:join(data(), ?FORMED),
    filelib:is_file(Mark) orelse (Majority andalso file:write_file(Mark, "") =:= ok).

majority(Here, All) -> 2 * length([Node || Node <- All, lists:member(Node, Here)]) > length(All).

seen(Here, All) -> io_lib:format("~b of ~b reached: ~0tp", [length(Here), length(All), Here]).

%% Turn clients away, or let them in again.
clients(#{alone := ?ALONE, open := true} = State) ->
    logger:warning("labgen: no majority of the cluster: clients are turned away"),
    rabbit_maintenance:suspend_all_client_listeners(),
    %% One whose channel waits for a member that is gone takes 15 s to close.
    Clients = rabbit_networking:local_connections(),
    spawn(fun() -> rabbit_networking:close_connections(Clients, "no majority of the cluster") end),
    State#{open := false};
clients(#{alone := 0, open := false} = State) ->
    logger:warning("labgen: a majority of the cluster is there: clients are welcome"),
    rabbit_maintenance:resume_all_client_listeners(),
    State#{open := true};
clients(State) -> State.

%% A queue that is not durable ends with its node. The broker takes it away when it notices that the node is gone, once:
%% if nobody leads the cluster just then the name stays, of a queue that answers nobody, and who declares it waits for
%% ever.
sweep([], State) -> State;
sweep(Gone, State) ->
    Left = [amqqueue:qnode(Queue) || Queue <- rabbit_amqqueue:list(), not amqqueue:is_durable(Queue)],
    help(fun rabbit_amqqueue:on_node_down/1, [Node || Node <- Gone, lists:member(Node, Left)], State).

%% One that was silent was given up by the others, and by now gave up them; nobody would have to say anything to
%% another that is gone, and all would stay apart.
search(Gone, State) -> help(fun net_kernel:connect_node/1, Gone, State).

%% Who looks each second is not to be kept waiting: another does what may take its time, one thing after the other.
help(_, [], State) -> State;
help(Do, Nodes, #{helper := Helper} = State) ->
    case is_pid(Helper) andalso is_process_alive(Helper) of
        true -> State;
        false -> State#{helper := spawn(fun() -> lists:foreach(Do, Nodes) end)}
    end.

%% Members that the lab does not have any more. One node does it for all.
forget_gone(Here, Members, #{wanted := Wanted, gone := Before} = State) ->
    Gone = maps:from_list(
        [{Node, maps:get(Node, Before, 0) + 1} || Node <- Members -- Wanted, not lists:member(Node, Here)]),
    [forget(Node) || Node := Checks <- Gone, Checks >= ?GONE, is_first(Here, Wanted)],
    State#{gone := Gone}.

is_first(Here, Wanted) -> node() =:= lists:min([Node || Node <- Here, lists:member(Node, Wanted)]).

forget(Node) ->
    logger:warning("labgen: ~s is not a member of this cluster any more", [Node]),
    _ = rabbit_db_cluster:forget_member(Node, false),
    rabbit_quorum_queue:shrink_all(Node).

%% This node has no data. Where it had some before it is still a member for the others, who would refuse it; so it
%% asks one of them to expel it. Hidden, since a connection of nodes that are not ready to be a cluster disturbs both.
leave(Peer) ->
    is_registered(Peer) andalso net_kernel:hidden_connect_node(Peer) =:= true andalso
        try erpc:call(Peer, ?MODULE, expel, [node()], 20 * ?SECOND)
        catch _:_ -> false
        after erlang:disconnect_node(Peer)
        end.

%% Whether Node was a member, and is none any more. Not asked itself: it does not run yet.
expel(Node) ->
    rabbit:is_running() andalso lists:member(Node, rabbit_nodes:list_members()) andalso
        begin
            logger:warning("labgen: ~s has lost its data: expelled, to join again", [Node]),
            remove(Node),
            true
        end.

remove(Node) ->
    Store = rabbit_khepri:get_ra_cluster_name(),
    {ok, _, _} = ra:remove_member({Store, node()}, {Store, Node}, 10 * ?SECOND),
    rabbit_amqqueue:forget_all_durable(Node),
    rabbit_quorum_queue:shrink_all(Node).

%% ---- Another number of members, while this one runs ----

reload(#{done := Done} = State) ->
    case file:read_file(?ASKED) of
        {ok, Asked} when Asked =/= Done ->
            {Word, Next} =
                try take_over(State#{wanted := wanted()})
                catch _:Reason -> {io_lib:format("unwell: ~0tp", [Reason]), State}
                end,
            write(?TOLD, [Asked, $\s, Word, $\n]),
            case Word of
                "ok" -> Next#{done := Asked};
                _ -> Next
            end;
        _ -> State
    end.

take_over(#{wanted := Wanted} = State) ->
    Members = case rabbit:is_running() of true -> rabbit_nodes:list_members(); false -> [] end,
    Here = here(Members),
    case {Members, lists:member(node(), Members) andalso majority(Here, Members)} of
        {[], _} -> {"it is starting", State};
        {_, false} -> {["no majority: ", seen(Here, Members)], State};
        _ ->
            resize(length(Wanted)),
            [part(Node, lists:member(Node, Here)) || Node <- Members -- Wanted, is_first(Here, Wanted)],
            grow(Wanted),
            case rabbit_nodes:list_members() -- Wanted of
                [] -> {"ok", State};
                Left -> {io_lib:format("still members: ~0tp", [Left]), State}
            end
    end.

%% How many members a queue is to have. Who sees to that has read it at its start.
resize(Size) ->
    Key = quorum_membership_reconciliation_target_group_size,
    Size =:= application:get_env(rabbit, Key, 0) orelse begin
        ok = application:set_env(rabbit, Key, Size),
        exit(whereis(rabbit_quorum_queue_periodic_membership_reconciliation), kill)
    end.

%% Each queue that this node leads is given to the members that are new. Those that are yet to come get it later.
grow(Wanted) ->
    Running = [Node || Node <- rabbit_nodes:list_running(), lists:member(Node, Wanted)],
    [grow(Queue, Running) || Queue <- rabbit_amqqueue:list_local_leaders()].

grow(Queue, Running) ->
    case ra:members(amqqueue:get_pid(Queue), 5 * ?SECOND) of
        {ok, Members, {_, Leader}} when Leader =:= node() ->
            [ok = rabbit_quorum_queue:add_member(Queue, Node) || Node <- Running -- [Node || {_, Node} <- Members]];
        _ -> []
    end.

%% A member that the lab is about to stop: first its clients go elsewhere, then its queues are the others' alone,
%% then it counts no more. One that is not there is forgotten.
part(Node, true) ->
    logger:warning("labgen: ~s is not wanted any more: its clients and queues go to others", [Node]),
    _ = try erpc:call(Node, ?MODULE, farewell, [], 10 * ?SECOND) catch _:_ -> gone end,
    rabbit_quorum_queue:shrink_all(Node),
    remove(Node);
part(Node, false) -> forget(Node).

%% Called in a member that goes. Should it start again, it has no place in the cluster until it joins anew.
farewell() ->
    ok = file:write_file(farewell_mark(), ""),
    rabbit_maintenance:suspend_all_client_listeners(),
    rabbit_networking:close_connections(rabbit_networking:local_connections(), "this node leaves the cluster").
