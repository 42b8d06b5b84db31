%% A member of a cluster, watched from inside the broker's own machine, where asking costs nothing.
%%
%% Each second: tells the health check how the member is (a file), turns clients away while the cluster's
%% majority cannot be reached (their messages would only wait here), and forgets nodes that the lab does not
%% have any more. Starts before the broker does, so that it can also say what this is waiting for.
-module(labgen_member).
-export([boot/0, expel/1]).

-define(FILE_, "/run/labgen/member").
-define(SECOND, 1000).
%% Checks in a row without a majority before clients are turned away: others may be electing.
-define(ALONE, 2).
%% Checks in a row in which a node that nobody wants is not there, before it is forgotten.
-define(GONE, 30).

boot() ->
    Wanted = [list_to_atom("rabbit@" ++ Name) || Name <- string:lexemes(os:getenv("LABGEN_CLUSTER"), " ")],
    spawn(fun() -> loop(#{wanted => Wanted, alone => 0, gone => #{}, open => true}) end),
    filelib:is_dir(data()) orelse lists:any(fun leave/1, Wanted -- [node()]),
    rabbit:boot().

data() -> filename:join(os:getenv("RABBITMQ_MNESIA_BASE"), node()).

loop(State) ->
    {Word, Next} =
        try check(State)
        catch _:Reason -> {io_lib:format("unwell: ~0tp", [Reason]), State}
        end,
    ok = file:write_file(?FILE_ ".new", [Word, $\n]),
    ok = file:rename(?FILE_ ".new", ?FILE_),
    timer:sleep(?SECOND),
    loop(Next).

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
    Here = [Node || Node <- Members, Node =:= node() orelse lists:member(Node, nodes())],
    Enough = majority(Here, Members) andalso majority(Here, Wanted),
    Next = clients(State#{alone := case Enough of true -> 0; false -> Alone + 1 end}),
    case {Enough, Next} of
        {true, #{open := true}} -> {["ok: ", seen(Here, Wanted)], forget_gone(Here, Members, Next)};
        _ -> {["no majority: ", seen(Here, Wanted)], Next}
    end.

majority(Here, All) -> 2 * length([Node || Node <- All, lists:member(Node, Here)]) > length(All).

seen(Here, All) -> io_lib:format("~b of ~b reached: ~0tp", [length(Here), length(All), Here]).

%% Turn clients away, or let them in again.
clients(#{alone := ?ALONE, open := true} = State) ->
    logger:warning("labgen: no majority of the cluster: clients are turned away"),
    rabbit_maintenance:suspend_all_client_listeners(),
    rabbit_networking:close_connections(rabbit_networking:local_connections(), "no majority of the cluster"),
    State#{open := false};
clients(#{alone := 0, open := false} = State) ->
    logger:warning("labgen: a majority of the cluster is there: clients are welcome"),
    rabbit_maintenance:resume_all_client_listeners(),
    State#{open := true};
clients(State) -> State.

%% Members that the lab does not have any more. One node does it for all.
forget_gone(Here, Members, #{wanted := Wanted, gone := Before} = State) ->
    Gone = maps:from_list(
        [{Node, maps:get(Node, Before, 0) + 1} || Node <- Members -- Wanted, not lists:member(Node, Here)]),
    First = lists:min([Node || Node <- Here, lists:member(Node, Wanted)]),
    [forget(Node) || Node := Checks <- Gone, Checks >= ?GONE, First =:= node()],
    State#{gone := Gone}.

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
            Store = rabbit_khepri:get_ra_cluster_name(),
            {ok, _, _} = ra:remove_member({Store, node()}, {Store, Node}, 10 * ?SECOND),
            rabbit_amqqueue:forget_all_durable(Node),
            rabbit_quorum_queue:shrink_all(Node),
            true
        end.
